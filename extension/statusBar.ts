// The item of the status bar: how many snapshots there are, what they take, how long the last one held the program.
// Must not know the view; a click opens it.

import * as vscode from 'vscode';
import { commandIds, viewId } from './contributions';
import type { SessionTracker } from './sessionTracker';
import { statusOf } from './statusText';

export function registerStatusBar(tracker: SessionTracker): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('rollpoint.status', vscode.StatusBarAlignment.Left, 40);
  item.name = 'Snapshots';
  item.command = `${viewId}.focus`;
  const mark = vscode.window.createStatusBarItem('rollpoint.viewing', vscode.StatusBarAlignment.Left, 41);
  mark.name = 'Snapshot on screen';
  mark.command = commandIds.returnToPresent;
  mark.tooltip = 'What is on screen is the past; the process stays where it is. Click to return to the present.';
  mark.backgroundColor = new vscode.ThemeColor('statusBarItem.warningBackground');
  const refresh = (): void => {
    const session = tracker.current;
    const viewing = session?.list.peeking ?? null;
    mark.text = `$(eye) Viewing snapshot ${viewing}`;
    if (viewing === null) mark.hide();
    else mark.show();
    if (!session || session.list.snapshots.length === 0) {
      item.hide();
      return;
    }
    const { text, spoken, facts, notices } = statusOf(session);
    const tooltip = new vscode.MarkdownString();
    for (const [name, value] of facts) {
      tooltip.appendText(`${name}: ${value}`);
      tooltip.appendMarkdown('\n\n');
    }
    for (const notice of notices) {
      tooltip.appendMarkdown('---\n\n');
      tooltip.appendText(notice);
      tooltip.appendMarkdown('\n\n');
    }
    item.text = `$(history) ${text}`;
    item.tooltip = tooltip;
    item.accessibilityInformation = { label: spoken };
    item.show();
  };
  refresh();
  return vscode.Disposable.from(item, mark, tracker.onDidChange(refresh));
}
