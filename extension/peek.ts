// Looking at the past: what is on screen is a snapshot, while the process stays where it is.
// Must not know how the adapter does it; the list that comes back by event says what is on screen.

import * as vscode from 'vscode';
import type { Moment, SnapshotId } from '../adapter/protocol';
import { commandIds } from './contributions';
import { command } from './notify';
import { withProgress } from './progress';
import { restoreChecked } from './restore';
import type { SessionTracker, TrackedSession } from './sessionTracker';
import { peekSnapshot } from './snapshotClient';
import { nextMoment, previousMoment } from './timeline/branch';

export function registerPeek(tracker: SessionTracker): vscode.Disposable {
  const stopped = () => tracker.requireStopped('a snapshot can be viewed');
  const step = async (moment: Moment | undefined, none: string): Promise<void> => {
    if (moment === undefined) void vscode.window.setStatusBarMessage(none, 4000);
    else await view(stopped(), moment);
  };

  return vscode.Disposable.from(
    command(commandIds.previousSnapshot, () =>
      step(previousMoment(stopped()), 'There is no earlier snapshot on this branch.'),
    ),
    command(commandIds.nextSnapshot, () => step(nextMoment(stopped()), 'There is no later snapshot on this branch.')),
    command(commandIds.returnToPresent, () => view(stopped(), null)),
    command(commandIds.goOnFromHere, async () => {
      const { session, list } = stopped();
      return list.peeking !== null && restoreChecked(session, list.peeking);
    }),
  );
}

/** Shows `wanted`; false where it is shown already. The snapshot that the process stands on is the present. */
export async function view({ session, list, moved }: TrackedSession, wanted: Moment): Promise<boolean> {
  const moment = wanted === list.current && !moved ? null : wanted;
  if (moment === list.peeking) return false;
  const title = moment === null ? 'Returning to the present' : `Looking at snapshot ${moment}`;
  await withProgress(title, peekSnapshot(session, moment));
  return true;
}

/** In the editor only: where the program runs, its past cannot be looked at. */
export async function showLocation({ list }: TrackedSession, id: SnapshotId): Promise<void> {
  const location = list.snapshots.find((snapshot) => snapshot.id === id)?.location;
  if (!location?.path) return;
  const position = new vscode.Position(Math.max((location.line ?? 1) - 1, 0), 0);
  await vscode.window.showTextDocument(vscode.Uri.file(location.path), {
    selection: new vscode.Range(position, position),
    preserveFocus: true,
    preview: true,
  });
}
