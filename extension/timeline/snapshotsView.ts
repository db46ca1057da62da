// The tree view Snapshots: items, reveal of the current one, the item that the keyboard stands on.
// Must not send requests; commands do that.

import * as vscode from 'vscode';
import type { SnapshotId, SnapshotInfo, SnapshotList, SnapshotReason } from '../../adapter/protocol';
import { commandIds, viewId } from '../contributions';
import type { SessionTracker } from '../sessionTracker';
import { buildTree, emptyList, findNode, type SnapshotNode, totalBytes } from '../snapshotModel';
import { count, descriptionOf, detailsOf, formatBytes, labelOf } from '../snapshotText';

const icons: Record<SnapshotReason, string> = {
  breakpoint: 'debug-breakpoint',
  step: 'debug-step-over',
  exception: 'zap',
  manual: 'device-camera',
  restore: 'history',
  entry: 'debug-start',
  pause: 'debug-pause',
  exit: 'sign-out',
};

/** Set once the view has been opened by itself, so that it is not opened against the user's will ever after. */
const introducedKey = 'rollpoint.viewIntroduced';

export class SnapshotsView implements vscode.TreeDataProvider<SnapshotNode>, vscode.Disposable {
  private readonly changeEmitter = new vscode.EventEmitter<void>();
  private readonly view: vscode.TreeView<SnapshotNode>;
  private readonly listener: vscode.Disposable;
  private list: SnapshotList = emptyList;
  private shown: SnapshotNode[] = [];
  private revealed: { session: string; id: SnapshotId } | undefined;

  readonly onDidChangeTreeData = this.changeEmitter.event;

  constructor(
    private readonly tracker: SessionTracker,
    private readonly memento: vscode.Memento,
  ) {
    this.view = vscode.window.createTreeView(viewId, { treeDataProvider: this, showCollapseAll: false });
    this.listener = tracker.onDidChange(() => this.refresh());
  }

  get tree(): readonly SnapshotNode[] {
    return this.shown;
  }

  /**
   * The snapshot that the keyboard stands on. Arrow keys move only the focus, which VS Code does not tell; selecting it
   * first makes it known before the command's promise resolves.
   */
  async focused(): Promise<SnapshotInfo | undefined> {
    await vscode.commands.executeCommand('list.selectAndPreserveFocus');
    return this.view.selection[0]?.snapshot;
  }

  getChildren(element?: SnapshotNode): SnapshotNode[] {
    return element ? element.children : this.shown;
  }

  getParent(element: SnapshotNode): SnapshotNode | undefined {
    return element.container ?? undefined;
  }

  getTreeItem(element: SnapshotNode): vscode.TreeItem {
    const { snapshot, current } = element;
    const item = new vscode.TreeItem(
      labelOf(snapshot),
      element.children.length > 0
        ? vscode.TreeItemCollapsibleState.Expanded
        : vscode.TreeItemCollapsibleState.None,
    );
    // Another id once branches leave from it: VS Code would show one that it knew as a leaf collapsed.
    item.id = `${this.tracker.current?.session.id ?? ''}/${snapshot.id}${element.children.length > 0 ? '/branches' : ''}`;
    item.description = descriptionOf(element);
    item.tooltip = tooltipOf(element);
    item.iconPath = iconOf(element);
    item.contextValue = snapshot.pinned ? 'snapshot.pinned' : 'snapshot.unpinned';
    // A click shows where the snapshot stands; it must not restore, and an item with a command opens at its twistie only.
    item.command = { command: commandIds.showSnapshotLocation, title: 'Show location', arguments: [snapshot.id] };
    item.accessibilityInformation = {
      label: `${current ? 'Current snapshot' : 'Snapshot'} ${snapshot.id}, ${labelOf(snapshot)}, ${item.description}`,
    };
    return item;
  }

  dispose(): void {
    vscode.Disposable.from(this.listener, this.view, this.changeEmitter).dispose();
  }

  private refresh(): void {
    const session = this.tracker.current;
    const list = session?.list ?? emptyList;
    if (list === this.list) return;
    this.list = list;
    this.shown = buildTree(list);
    const number = list.snapshots.length;
    this.view.description = number > 0 ? `${count(number, 'snapshot')}, ${formatBytes(totalBytes(list))}` : undefined;
    this.changeEmitter.fire();
    if (session && list.current !== null) void this.revealCurrent(session.session.id, list.current);
  }

  private async revealCurrent(session: string, id: SnapshotId): Promise<void> {
    const target = findNode(this.shown, id);
    if (!target || (this.revealed?.session === session && this.revealed.id === id)) return;
    const introduced = this.memento.get<boolean>(introducedKey, false);
    if (!this.view.visible && introduced) return;
    this.revealed = { session, id };
    try {
      await this.view.reveal(target, { select: true, focus: false });
      if (!introduced) await this.memento.update(introducedKey, true);
    } catch {
      // The tree changed while VS Code was resolving the item; the next change reveals anew.
      this.revealed = undefined;
    }
  }
}

function iconOf({ snapshot, current }: SnapshotNode): vscode.ThemeIcon {
  if (current) return new vscode.ThemeIcon('debug-stackframe', new vscode.ThemeColor('debugIcon.continueForeground'));
  if (!snapshot.exact) return new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground'));
  if (snapshot.pinned) return new vscode.ThemeIcon('pinned');
  return new vscode.ThemeIcon(icons[snapshot.reason] ?? 'circle-outline');
}

function tooltipOf(node: SnapshotNode): vscode.MarkdownString {
  const tooltip = new vscode.MarkdownString('', true);
  tooltip.appendMarkdown('**');
  tooltip.appendText(`Snapshot ${node.snapshot.id}${node.snapshot.label ? `: ${node.snapshot.label}` : ''}`);
  tooltip.appendMarkdown('**\n\n| | |\n|:--|:--|\n');
  for (const [name, value] of detailsOf(node)) {
    tooltip.appendMarkdown(`| ${name} | ${escapeCell(value)} |\n`);
  }
  for (const warning of node.snapshot.warnings) {
    tooltip.appendMarkdown('\n\n$(warning) ');
    tooltip.appendText(warning.message);
  }
  return tooltip;
}

/** Names of C++ are full of characters that Markdown, and a table's cells, take for their own. */
function escapeCell(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!~|<>&$]/g, (character) => `&#${character.charCodeAt(0)};`);
}
