// Which debug sessions are ours, which one the view shows, whether its program is stopped, what snapshots it has.
// Must not know the view or the commands; they listen.

import * as vscode from 'vscode';
import type { SnapshotList, SnapshotNotice } from '../adapter/protocol';
import { contextKeys, debugType } from './contributions';
import { type DapMessage, movedAfter, movedAfterList, questionAfter, stoppedAfter, WatchedExpressions, wentBack } from './runState';
import { changedList, listSnapshots, noticeOf } from './snapshotClient';
import { emptyList } from './timeline/rows';

export interface TrackedSession {
  readonly session: vscode.DebugSession;
  readonly stopped: boolean;
  /** The program may differ from the current snapshot. */
  readonly moved: boolean;
  /** Counts whatever may have changed the program: with the same number it is what it was. */
  readonly moves: number;
  /** What the user watches, as VS Code asked for it last. */
  readonly watches: readonly string[];
  readonly list: SnapshotList;
  /** What became of snapshots by itself, oldest first. */
  readonly notices: readonly SnapshotNotice[];
}

type State = { -readonly [Key in keyof TrackedSession]: TrackedSession[Key] } & { listed: boolean };

export class SessionTracker implements vscode.Disposable {
  private readonly sessions = new Map<string, State>();
  private readonly disposables: vscode.Disposable[] = [];
  private readonly changeEmitter = new vscode.EventEmitter<void>();
  private readonly keys = new Map<string, boolean>();
  private shown: State | undefined;

  /** The session shown, its snapshots, or whether it is stopped has changed. */
  readonly onDidChange = this.changeEmitter.event;

  constructor() {
    this.disposables.push(
      this.changeEmitter,
      vscode.debug.registerDebugAdapterTrackerFactory(debugType, {
        createDebugAdapterTracker: (session) => this.track(session),
      }),
      vscode.debug.onDidStartDebugSession((session) => void this.started(session)),
      vscode.debug.onDidTerminateDebugSession((session) => this.ended(session)),
      vscode.debug.onDidChangeActiveDebugSession(() => this.update()),
    );
    this.update();
  }

  /** The active session if it is ours, else the youngest of ours. */
  get current(): TrackedSession | undefined {
    return this.shown;
  }

  /** As `current`; throws, for the user, where there is none. */
  require(): TrackedSession {
    if (!this.shown) throw new Error('No program is being debugged with Rollpoint. Start a session first.');
    return this.shown;
  }

  /** As `require`, with its program stopped; throws otherwise, and tells what is possible `then`. */
  requireStopped(then: string): TrackedSession {
    const session = this.require();
    if (!session.stopped) throw new Error(`The program is running: pause it first, then ${then}.`);
    return session;
  }

  /** The context keys that were set here, by name. */
  get contexts(): ReadonlyMap<string, boolean> {
    return this.keys;
  }

  /** Undefined where the session has ended. */
  of({ id }: vscode.DebugSession): TrackedSession | undefined {
    return this.sessions.get(id);
  }

  dispose(): void {
    vscode.Disposable.from(...this.disposables).dispose();
  }

  private track(session: vscode.DebugSession): vscode.DebugAdapterTracker {
    const watched = new WatchedExpressions();
    const state: State = { session, stopped: false, moved: false, moves: 0, watches: [], list: emptyList, notices: [], listed: false };
    this.sessions.set(session.id, state);
    let standing = false;
    let question: number | null = null;
    // The events of ours are read here too: as custom events they come by way of the window, and late.
    const see = (message: DapMessage): void => {
      state.watches = watched.after(message);
      if (movedAfter(false, message)) state.moves += 1;
      standing = stoppedAfter(standing, message);
      question = questionAfter(question, message);
      const stopped = standing || question !== null;
      const list = changedList(message);
      const notice = noticeOf(message);
      const moved = list ? movedAfterList(state.moved, state.list, list) : movedAfter(state.moved, message);
      if (stopped === state.stopped && moved === state.moved && !list && !notice) return;
      if (notice) state.notices = [...state.notices, notice];
      if (list) {
        if (list.current !== state.list.current) state.moves += 1;
        if (wentBack(state.list, list)) this.setContext(contextKeys.wentBack, true);
        state.list = list;
        state.listed = true;
      }
      state.stopped = stopped;
      state.moved = moved;
      this.update();
    };
    return {
      onWillReceiveMessage: see,
      onDidSendMessage: see,
      // A session that fails to start never terminates, as far as VS Code tells.
      onExit: () => this.ended(session, state),
    };
  }

  /** Picks up what was taken before the extension listened; an event that came meanwhile is newer and wins. */
  private async started(session: vscode.DebugSession): Promise<void> {
    const state = this.sessions.get(session.id);
    if (!state) return;
    this.update();
    const list = await listSnapshots(session).then(
      (value) => value,
      () => undefined, // Too early or already over: the event brings the list.
    );
    if (!list || state.listed || !this.sessions.has(session.id)) return;
    state.list = list;
    this.update();
  }

  /** A restarted session keeps its id: the end of its first adapter must not take away the second one's state. */
  private ended(session: vscode.DebugSession, state = this.sessions.get(session.id)): void {
    if (!state || this.sessions.get(session.id) !== state) return;
    this.sessions.delete(session.id);
    this.update();
  }

  private update(): void {
    const active = vscode.debug.activeDebugSession;
    this.shown = (active && this.sessions.get(active.id)) ?? [...this.sessions.values()].at(-1);
    this.setContext(contextKeys.active, this.shown !== undefined);
    this.setContext(contextKeys.stopped, this.shown?.stopped ?? false);
    this.setContext(contextKeys.viewing, (this.shown?.list.peeking ?? null) !== null);
    this.setContext(contextKeys.hasSnapshots, (this.shown?.list.snapshots.length ?? 0) > 0);
    this.changeEmitter.fire();
  }

  /** Only changes: VS Code looks through every menu whenever a key is set. */
  setContext(key: string, value: boolean): void {
    if (this.keys.get(key) === value) return;
    this.keys.set(key, value);
    void vscode.commands.executeCommand('setContext', key, value);
  }
}
