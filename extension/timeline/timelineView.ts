// The view Snapshots: gives its page the rows of the session shown, and turns what the page asks for into commands.
// Must not send requests; commands do that. Must not know how a row is drawn.

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { SnapshotId, SnapshotInfo } from '../../adapter/protocol';
import { commandIds, viewId } from '../contributions';
import type { SessionTracker, TrackedSession } from '../sessionTracker';
import { count, formatBytes, totalBytes } from '../snapshotText';
import type { FromPage, PageAction, ToPage } from './messages';
import { timelinePage } from './page';
import { commonRows, emptyList, presentId, rowDetails, type TimelineRow, timelineRows } from './rows';

/** Set once the view has been opened by itself, so that it is not opened against the user's will ever after. */
const introducedKey = 'rollpoint.viewIntroduced';

const commandOf: Record<PageAction, string> = {
  restore: commandIds.restoreSnapshot,
  rename: commandIds.renameSnapshot,
  pin: commandIds.pinSnapshot,
  unpin: commandIds.unpinSnapshot,
  delete: commandIds.deleteSnapshot,
  show: commandIds.showSnapshotLocation,
  take: commandIds.takeSnapshotNow,
  start: 'workbench.action.debug.start',
};

export class TimelineView implements vscode.WebviewViewProvider, vscode.Disposable {
  private readonly disposables: vscode.Disposable[] = [];
  private view: vscode.WebviewView | undefined;
  private rows: TimelineRow[] = [];
  /** What the page shows; undefined where that is not known. */
  private sent: { session: string; rows: TimelineRow[] } | undefined;
  private revealed: { session: string; id: SnapshotId } | undefined;

  constructor(
    private readonly tracker: SessionTracker,
    private readonly memento: vscode.Memento,
    private readonly extensionUri: vscode.Uri,
  ) {
    this.disposables.push(
      vscode.window.registerWebviewViewProvider(viewId, this),
      tracker.onDidChange(() => this.refresh()),
      vscode.commands.registerCommand(commandIds.zoomIn, () => this.post({ type: 'zoom', steps: 1 })),
      vscode.commands.registerCommand(commandIds.zoomOut, () => this.post({ type: 'zoom', steps: -1 })),
      vscode.commands.registerCommand(commandIds.resetZoom, () => this.post({ type: 'zoom', steps: 0 })),
    );
  }

  /** The timeline as shown. */
  get timeline(): readonly TimelineRow[] {
    return this.rows;
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    const media = vscode.Uri.joinPath(this.extensionUri, 'media');
    const { webview } = view;
    this.view = view;
    this.sent = undefined;
    webview.options = { enableScripts: true, localResourceRoots: [media] };
    view.onDidDispose(() => {
      if (this.view === view) this.view = undefined;
    });
    webview.onDidReceiveMessage((message: FromPage) => this.receive(message));
    webview.html = timelinePage({
      source: webview.cspSource,
      nonce: randomBytes(16).toString('base64url'),
      script: webview.asWebviewUri(vscode.Uri.joinPath(media, 'timeline.js')).toString(),
      style: webview.asWebviewUri(vscode.Uri.joinPath(media, 'timeline.css')).toString(),
    });
  }

  dispose(): void {
    vscode.Disposable.from(...this.disposables).dispose();
  }

  private receive(message: FromPage): void {
    switch (message.type) {
      case 'ready':
        // It was hidden, and is a new page now: it knows where it was, but not the rows.
        this.sent = undefined;
        this.refresh();
        break;
      case 'action':
        if (Object.hasOwn(commandOf, message.action)) {
          const args = message.id === undefined || message.id === presentId ? [] : [message.id];
          void vscode.commands.executeCommand(commandOf[message.action], ...args);
        }
        break;
      case 'details': {
        const row = this.rows.find(({ id }) => id === message.id);
        if (row) this.post({ type: 'details', id: row.id, details: rowDetails(row, this.snapshot(row.id)) });
        break;
      }
    }
  }

  private refresh(): void {
    const session = this.tracker.current;
    const list = session?.list ?? emptyList;
    this.rows = session ? timelineRows(session) : [];
    const number = list.snapshots.length;
    if (this.view) {
      this.view.description = number > 0 ? `${count(number, 'snapshot')}, ${formatBytes(totalBytes(list))}` : '';
    }
    this.show(session);
    if (session && list.current !== null) void this.revealCurrent(session, list.current);
  }

  private show(session: TrackedSession | undefined): void {
    if (!session || this.rows.length === 0) {
      this.sent = undefined;
      this.post(emptyMessage(session));
      return;
    }
    const { id } = session.session;
    const keep = this.sent?.session === id ? commonRows(this.sent.rows, this.rows) : 0;
    if (this.sent && keep === this.rows.length && keep === this.sent.rows.length) return;
    this.sent = { session: id, rows: this.rows };
    this.post({ type: 'rows', session: id, keep, rows: this.rows.slice(keep) });
  }

  private async revealCurrent({ session }: TrackedSession, id: SnapshotId): Promise<void> {
    const known = this.revealed?.session === session.id ? this.revealed.id : undefined;
    if (known === id) return;
    this.revealed = { session: session.id, id };
    this.post({ type: 'reveal', id });
    const row = this.rows.find((candidate) => candidate.id === id);
    if (row) this.post({ type: 'announce', text: row.spoken });
    if (this.memento.get<boolean>(introducedKey, false)) return;
    await this.memento.update(introducedKey, true);
    await vscode.commands.executeCommand(`${viewId}.focus`, { preserveFocus: true });
  }

  private snapshot(id: number): SnapshotInfo | undefined {
    return this.tracker.current?.list.snapshots.find((snapshot) => snapshot.id === id);
  }

  private post(message: ToPage): void {
    void this.view?.webview.postMessage(message);
  }
}

function emptyMessage(session: TrackedSession | undefined): ToPage {
  if (!session) {
    return {
      type: 'empty',
      text: 'While you debug, Rollpoint keeps snapshots of the whole program. Restore one to go on from that moment.',
      button: { title: 'Start debugging', action: 'start' },
    };
  }
  return session.stopped
    ? { type: 'empty', text: 'No snapshot yet.', button: { title: 'Take snapshot', action: 'take' } }
    : {
        type: 'empty',
        text: 'No snapshot yet. The program is running; set a breakpoint or pause it to take one.',
        button: null,
      };
}
