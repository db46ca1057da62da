// The page of the timeline: its frame in HTML, and what it may load.
// Pure text; must not know VS Code.

export interface PageParts {
  /** Where the page's own files come from, as a content security policy names it. */
  source: string;
  nonce: string;
  script: string;
  style: string;
}

/** Only our own style sheet and our own script load; nothing comes from, or goes to, the network. */
export function timelinePage({ source, nonce, script, style }: PageParts): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${source}; script-src 'nonce-${nonce}';">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Snapshots</title>
<link rel="stylesheet" href="${style}">
</head>
<body data-vscode-context='{"preventDefaultContextMenuItems": true}'>
<main>
<div id="empty" hidden><p id="empty-text"></p><button id="empty-button" type="button" hidden></button></div>
<div id="timeline" role="tree" aria-label="Snapshots, oldest first" hidden><div id="extent" role="none"></div></div>
<div id="history" class="foot" role="status" hidden><span id="history-text"></span><button type="button" data-action="closeHistory">Close</button></div>
<div id="mark" class="foot" role="status" hidden><span id="mark-text"></span><button id="mark-present" type="button" data-action="present">Return to present</button><button id="mark-go-on" type="button" data-action="goOn">Go on from here</button></div>
<div id="card" role="tooltip" hidden></div>
<div id="live" class="only-spoken" aria-live="polite"></div>
</main>
<script type="module" nonce="${nonce}" src="${script}"></script>
</body>
</html>
`;
}
