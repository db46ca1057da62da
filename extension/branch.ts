// What if: asks for other values at a snapshot, lets the program run from there, and offers to compare the outcomes.
// Must not know how the adapter does it.

import * as vscode from 'vscode';
import type { Requests, SnapshotId } from '../adapter/protocol';
import { assignmentsOf, assignmentsText } from './assignments';
import type { Comparing } from './compare/compare';
import { commandIds } from './contributions';
import { selectedFrame } from './expression';
import { command } from './notify';
import { withProgress } from './progress';
import type { SessionTracker, TrackedSession } from './sessionTracker';
import { branchWith } from './snapshotClient';
import { placeOf } from './snapshotText';
import { type Subject, subjectOf } from './subject';

type Until = NonNullable<Requests['rollpoint/branchWith']['args']['until']>;

const ways: (vscode.QuickPickItem & { until: Until })[] = [
  { label: '$(debug-continue) Run to the next breakpoint', until: 'breakpoint' },
  { label: '$(debug-step-out) Run to the end', description: 'past all breakpoints; it stops before it exits', until: 'end' },
  { label: '$(debug-pause) Stay there', description: 'with the new values', until: 'stay' },
];

const compare = 'Compare';

export function registerBranch(tracker: SessionTracker, comparing: Comparing): vscode.Disposable {
  const stopped = (): TrackedSession => tracker.requireStopped('it can branch from a snapshot');

  return command(commandIds.branchWith, async (given?: Subject, what?: unknown, then?: unknown) => {
    const snapshot = await subjectOf(stopped(), given, 'Branch here with');
    if (!snapshot) return;
    const { id } = snapshot;
    const target = stopped();
    const { session } = target;
    const frameId = frameThere(target, id);
    const title = `Branch from snapshot ${id} with`;
    const typed = typeof what === 'string' ? what : await askForValues(title);
    const { assignments, problem } = assignmentsOf(typed ?? '');
    if (typeof what === 'string' && problem) throw new Error(problem);
    if (!assignments) return;
    const text = assignmentsText(assignments);
    const way =
      ways.find(({ until }) => until === then) ??
      (await vscode.window.showQuickPick(ways, { title: `${title} ${text}`, placeHolder: 'And then', ignoreFocusOut: true }));
    if (!way) return;
    const { left } = await withProgress(
      `Branching from snapshot ${id}`,
      branchWith(session, { id, assignments, until: way.until, ...(frameId === undefined ? {} : { frameId }) }),
    );
    void offerCompare(tracker, comparing, session, left, `With ${text} at snapshot ${id}`);
  });
}

function askForValues(title: string): Thenable<string | undefined> {
  return vscode.window.showInputBox({
    title,
    prompt: 'Variable or expression, and its new value. Several are separated by ";".',
    placeHolder: 'count = 3',
    ignoreFocusOut: true,
    validateInput: (text) => (text.trim() === '' ? undefined : assignmentsOf(text).problem),
  });
}

/** Once the program stands: the outcome beside what was left. */
async function offerCompare(tracker: SessionTracker, comparing: Comparing, session: vscode.DebugSession, left: SnapshotId, what: string): Promise<void> {
  await stopOf(tracker, session);
  const state = tracker.of(session);
  if (!state) return;
  const arrived = state.moved ? undefined : state.list.snapshots.find(({ id }) => id === state.list.current);
  const where = arrived ? ` stands at ${placeOf(arrived) ?? `snapshot ${arrived.id}`}, snapshot ${arrived.id}` : ' has stopped';
  const choice = await vscode.window.showInformationMessage(`${what}, the program${where}. You left it at snapshot ${left}.`, compare);
  if (choice !== compare) return;
  try {
    await comparing.compare(left, null);
  } catch (error) {
    void vscode.window.showErrorMessage(error instanceof Error ? error.message : String(error));
  }
}

/** Resolves when the program stands, or the session has ended. */
function stopOf(tracker: SessionTracker, session: vscode.DebugSession): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (tracker.of(session)?.stopped === false) return;
      listener.dispose();
      resolve();
    };
    const listener = tracker.onDidChange(look);
    look();
  });
}

/** The frame that the user has selected, where the snapshot is what is on screen. */
function frameThere({ session, list, moved }: TrackedSession, id: SnapshotId): number | undefined {
  const onScreen = list.peeking ?? (moved ? null : list.current);
  return onScreen === id ? selectedFrame(session) : undefined;
}
