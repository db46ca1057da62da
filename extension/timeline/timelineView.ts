// The view Snapshots: gives its page the rows of the session shown, and turns what the page asks for into commands.
// Must not send requests; commands do that. Must not know how a row is drawn.

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { SnapshotId, SnapshotInfo } from '../../adapter/protocol';
import { commandIds, viewId } from '../contributions';
import type { SessionTracker, TrackedSession } from '../sessionTracker';
import { count, formatBytes, totalBytes } from '../snapshotText';
import type { FromPage, PageAction, ToPage } from './messages';
import { onDidAsk } from '../restore';
import { timelinePage } from './page';
import { historyText, type ValueHistory } from './history';
import { commonRows, emptyList, presentId, rowDetails, type TimelineRow, timelineRows } from './rows';

/** Set once the view has been opened by itself, so that it is not opened against the user's will ever after. */
const introducedKey = 'rollpoint.viewIntroduced';

/** What leaves the process where it is, and the keyboard in the timeline. */
const looking: readonly PageAction[] = ['show', 'present', 'delete'];
/** What may bring another moment on screen, by a stop; the answer is true when it has. */
const moving: readonly PageAction[] = [...looking, 'restore', 'goOn'];
/** Milliseconds within which VS Code shows such a stop; a busy machine takes seconds. */
const patienceMs = 15_000;

const commandOf: Record<PageAction, string> = {
  restore: commandIds.restoreSnapshot,
  rename: commandIds.renameSnapshot,
  pin: commandIds.pinSnapshot,
  unpin: commandIds.unpinSnapshot,
  delete: commandIds.deleteSnapshot,
  compare: commandIds.compareWithPresent,
  selectForCompare: commandIds.selectForCompare,
  compareWithSelected: commandIds.compareWithSelected,
  branch: commandIds.branchWith,
  show: commandIds.viewSnapshot,
  present: commandIds.returnToPresent,
  goOn: commandIds.goOnFromHere,
  closeHistory: commandIds.closeHistory,
  take: commandIds.takeSnapshotNow,
  start: 'workbench.action.debug.start',
};

/** The history of a value, and the session whose it is. */
export type ShownHistory = ValueHistory & { session: string };

export class TimelineView implements vscode.WebviewViewProvider, vscode.Disposable {
  private readonly disposables: vscode.Disposable[] = [];
  private view: vscode.WebviewView | undefined;
  private rows: TimelineRow[] = [];
  /** What the page shows; undefined where that is not known. */
  private sent: { session: string; rows: TimelineRow[] } | undefined;
  private move: Promise<unknown> = Promise.resolve();
  private history: ShownHistory | undefined;
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

  /** Values in place of descriptions, and a plot of them; undefined: no longer. */
  showHistory(history: ShownHistory | undefined): void {
    this.history = history;
    this.refresh();
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
          void this.act(message.action, args);
        }
        break;
      case 'details': {
        const row = this.rows.find(({ id }) => id === message.id);
        if (row) this.post({ type: 'details', id: row.id, details: rowDetails(row, this.snapshot(row.id)) });
        break;
      }
    }
  }

  /** What follows a move waits until it is on screen: it may be about that, and VS Code shows one stop at a time. */
  private async act(action: PageAction, args: number[]): Promise<void> {
    const run = (): Thenable<unknown> => vscode.commands.executeCommand<unknown>(commandOf[action], ...args);
    const move = (): Promise<void> => this.moveBy(run, looking.includes(action));
    if (moving.includes(action)) this.move = this.move.then(move, move);
    await this.move;
    if (!moving.includes(action)) await run();
  }

  private async moveBy(run: () => Thenable<unknown>, look: boolean): Promise<void> {
    const stop = nextStop();
    let keyboard = false;
    try {
      const shown = async (): Promise<boolean> => (await run()) === true && (await stop.shown);
      const asked = new Promise<boolean>((resolve) => stop.disposables.push(onDidAsk(() => resolve(false))));
      // VS Code moves the keyboard to the editor at every stop, also at this one. Who looks around in the timeline would
      // press the next key there, into the source.
      keyboard = (await Promise.race([shown(), asked])) && look;
      if (keyboard) await vscode.commands.executeCommand(`${viewId}.focus`);
    } finally {
      vscode.Disposable.from(...stop.disposables).dispose();
      if (look) this.post({ type: 'settled', keyboard });
    }
  }

  private refresh(): void {
    const session = this.tracker.current;
    const list = session?.list ?? emptyList;
    const history = this.history?.session === session?.session.id ? this.history : undefined;
    this.rows = session ? timelineRows({ ...session, history }) : [];
    const number = list.snapshots.length;
    if (this.view) {
      this.view.description = number > 0 ? `${count(number, 'snapshot')}, ${formatBytes(totalBytes(list))}` : '';
    }
    this.show(session);
    this.post({ type: 'viewing', id: list.peeking });
    this.post({ type: 'history', text: history ? historyText(history) : null });
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

/** `shown`: VS Code has put the next stop on screen; also when that takes too long, or the session is over. */
function nextStop(): { shown: Promise<true>; disposables: vscode.Disposable[] } {
  const disposables: vscode.Disposable[] = [];
  const shown = new Promise<true>((resolve) => {
    const done = (): void => resolve(true);
    const late = setTimeout(done, patienceMs);
    disposables.push(
      new vscode.Disposable(() => clearTimeout(late)),
      // Told once the editor is open.
      vscode.debug.onDidChangeActiveStackItem((item) => {
        if (item instanceof vscode.DebugStackFrame) done();
      }),
      vscode.debug.onDidTerminateDebugSession(done),
    );
  });
  return { shown, disposables };
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
