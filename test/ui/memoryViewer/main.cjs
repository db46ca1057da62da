// The editor in which VS Code shows memory, as small as it goes: the first bytes, read by way of VS Code, and read again
// when VS Code says that they have changed. Must know neither debuggers nor Rollpoint.
const vscode = require('vscode');

const count = 64;

function text(bytes) {
  const lines = [];
  for (let from = 0; from < bytes.length; from += 8) {
    lines.push([...bytes.subarray(from, from + 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' '));
  }
  return lines.join('\n');
}

async function resolveCustomEditor({ uri }, { webview, onDidDispose }) {
  const show = async () => {
    const bytes = await vscode.workspace.fs.readFile(uri.with({ query: `range=0:${count}` })).then(text, String);
    webview.html = `<!DOCTYPE html><html lang="en"><title>Memory</title><pre id="bytes">${bytes.replaceAll('<', '&lt;')}</pre></html>`;
  };
  const folder = uri.with({ path: uri.path.replace(/\/[^/]*$/, '') });
  const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(folder, uri.path.slice(folder.path.length + 1)));
  watcher.onDidChange(show);
  onDidDispose(() => watcher.dispose());
  await show();
}

exports.activate = ({ subscriptions }) => {
  const openCustomDocument = (uri) => ({ uri, dispose: () => undefined });
  subscriptions.push(vscode.window.registerCustomEditorProvider('hexEditor.hexedit', { openCustomDocument, resolveCustomEditor }));
};
