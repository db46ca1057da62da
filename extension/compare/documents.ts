// The documents of comparisons: texts that no file holds, two of them in the diff editor of VS Code at a time.
// Must not know what the texts say.

import * as vscode from 'vscode';

export const scheme = 'rollpoint';

interface Held<T> {
  text: string;
  about: T;
  links: readonly Link[];
}

/** A line (from 0) that leads to a command. */
export interface Link {
  line: number;
  tooltip: string;
  command: vscode.Uri;
}

export class DiffDocuments<T> implements vscode.Disposable {
  private readonly held = new Map<string, Held<T>>();
  private readonly disposables: vscode.Disposable[] = [];
  private next = 1;

  constructor() {
    this.disposables.push(
      vscode.workspace.registerTextDocumentContentProvider(scheme, {
        provideTextDocumentContent: (uri) => this.held.get(uri.toString())?.text ?? 'This comparison is no longer held. Compare again.\n',
      }),
      vscode.languages.registerDocumentLinkProvider(
        { scheme },
        { provideDocumentLinks: (document) => this.linksOf(document) },
      ),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.held.delete(uri.toString())),
    );
  }

  dispose(): void {
    vscode.Disposable.from(...this.disposables).dispose();
  }

  /** Shows both sides; `about` is what `shown` gives for as long as they are open. */
  async show(title: string, sides: readonly [name: string, text: string][], about: T, links: readonly Link[] = []): Promise<void> {
    const number = this.next++;
    const [left, right] = sides.map(([name, text]) => {
      const uri = vscode.Uri.from({ scheme, path: `/${number}/${name}` });
      this.held.set(uri.toString(), { text, about, links });
      return uri;
    });
    // A stop opens its source in the preview tab.
    await vscode.commands.executeCommand('vscode.diff', left, right, title, { preview: false });
  }

  /** What the active tab is about, and the line that the keyboard stands on; undefined where it is another one. */
  get shown(): { about: T; line: number | undefined } | undefined {
    const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
    if (!(input instanceof vscode.TabInputTextDiff)) return undefined;
    const about = this.held.get(input.modified.toString())?.about;
    if (about === undefined) return undefined;
    const editor = vscode.window.activeTextEditor;
    const inside = editor && [input.original, input.modified].some((uri) => uri.toString() === editor.document.uri.toString());
    return { about, line: inside ? editor.selection.active.line : undefined };
  }

  private linksOf(document: vscode.TextDocument): vscode.DocumentLink[] {
    const links = this.held.get(document.uri.toString())?.links ?? [];
    return links.map(({ line, tooltip, command }) => {
      const { range, firstNonWhitespaceCharacterIndex } = document.lineAt(line);
      const link = new vscode.DocumentLink(range.with(range.start.translate(0, firstNonWhitespaceCharacterIndex)), command);
      link.tooltip = tooltip;
      return link;
    });
  }
}
