// The commands: what the buttons, keys and palette entries do to the session shown.
// Must not hold state; the list that comes back by event changes the view.

import * as vscode from 'vscode';
import type { SnapshotInfo } from '../adapter/protocol';
import { commandIds } from './contributions';
import { command } from './notify';
import { showLocation, view } from './peek';
import { pickProcess } from './processPicker';
import { withProgress } from './progress';
import { restoreChecked } from './restore';
import type { SessionTracker, TrackedSession } from './sessionTracker';
import { deleteSnapshot, takeSnapshot, updateSnapshot } from './snapshotClient';
import { count } from './snapshotText';
import { type Subject, subjectOf } from './subject';

export function registerCommands(tracker: SessionTracker): vscode.Disposable {
  const subject = (given: Subject, title: string, filter?: (snapshot: SnapshotInfo) => boolean) =>
    subjectOf(tracker.require(), given, title, filter);

  const update = async (
    given: Subject,
    title: string,
    pinned: boolean,
  ): Promise<SnapshotInfo | undefined> => {
    const snapshot = await subject(given, title, (candidate) => candidate.pinned !== pinned);
    return snapshot && updateSnapshot(tracker.require().session, { id: snapshot.id, pinned });
  };

  return vscode.Disposable.from(
    command(commandIds.takeSnapshotNow, () => take(tracker.require())),

    command(commandIds.takeSnapshot, async (given?: unknown) => {
      const target = tracker.require();
      const label =
        typeof given === 'string'
          ? given
          : await vscode.window.showInputBox({
              title: 'Take snapshot',
              prompt: 'Name of the snapshot. Leave it empty to go without.',
            });
      return label === undefined ? undefined : take(target, label.trim());
    }),

    command(commandIds.restoreSnapshot, async (given?: Subject) => {
      const snapshot = await subject(given, 'Restore snapshot');
      return snapshot !== undefined && restoreChecked(tracker.require().session, snapshot.id);
    }),

    command(commandIds.renameSnapshot, async (given?: Subject) => {
      const snapshot = await subject(given, 'Rename snapshot');
      if (!snapshot) return undefined;
      const label = await vscode.window.showInputBox({
        title: `Rename snapshot ${snapshot.id}`,
        prompt: 'New name. Leave it empty to show the place in the program instead.',
        value: snapshot.label ?? '',
        ignoreFocusOut: true,
      });
      if (label === undefined) return undefined;
      return updateSnapshot(tracker.require().session, { id: snapshot.id, label: label.trim() || null });
    }),

    command(commandIds.pinSnapshot, (given?: Subject) => update(given, 'Pin snapshot', true)),
    command(commandIds.unpinSnapshot, (given?: Subject) => update(given, 'Unpin snapshot', false)),

    command(commandIds.deleteSnapshot, async (given?: Subject) => {
      const snapshot = await subject(given, 'Delete snapshot');
      if (!snapshot) return false;
      const target = tracker.require();
      const moved = target.list.peeking === snapshot.id && (await view(target, null));
      await deleteSnapshot(target.session, snapshot.id);
      return moved;
    }),

    command(commandIds.deleteAllSnapshots, () => deleteAll(tracker.require())),

    command(commandIds.viewSnapshot, async (given?: Subject) => {
      const snapshot = await subject(given, 'View snapshot');
      if (!snapshot) return false;
      const target = tracker.require();
      const present = target.list.peeking === null && !target.moved && snapshot.id === target.list.current;
      if (target.stopped && !present) return view(target, snapshot.id);
      await showLocation(target, snapshot.id);
      return false;
    }),

    command(commandIds.pickProcess, pickProcess),
  );
}

async function take({ session }: TrackedSession, label?: string): Promise<SnapshotInfo> {
  const snapshot = await withProgress('Taking a snapshot', takeSnapshot(session, label));
  if (!snapshot.exact) {
    const missing = snapshot.warnings.map(({ message }) => message).join(' ');
    void vscode.window.showWarningMessage(`Snapshot ${snapshot.id} does not hold everything. ${missing}`.trim());
  }
  return snapshot;
}

async function deleteAll(target: TrackedSession): Promise<void> {
  const { session, list } = target;
  const pinned = list.snapshots.filter((snapshot) => snapshot.pinned).length;
  const everything = 'Delete all';
  const unpinned = 'Keep pinned';
  const choice = await vscode.window.showWarningMessage(
    `Delete all ${count(list.snapshots.length, 'snapshot')} of this session? They cannot be brought back.`,
    ...(pinned > 0 ? [everything, unpinned] : [everything]),
  );
  if (!choice) return;
  const doomed = list.snapshots.filter((snapshot) => choice === everything || !snapshot.pinned);
  if (list.peeking !== null) await view(target, null);
  // Youngest first: no snapshot then ever has to take over the children of another.
  for (const { id } of doomed.sort((a, b) => b.id - a.id)) await deleteSnapshot(session, id);
}
