// The commands: what the buttons, keys and palette entries do to the session shown.
// Must not hold state; the list that comes back by event changes the view.

import * as vscode from 'vscode';
import type { SnapshotId, SnapshotInfo } from '../adapter/protocol';
import { commandIds, viewId } from './contributions';
import { pickProcess } from './processPicker';
import type { SessionTracker, TrackedSession } from './sessionTracker';
import { deleteSnapshot, restoreSnapshot, takeSnapshot, updateSnapshot } from './snapshotClient';
import { count, descriptionOf, labelOf } from './snapshotText';
import { timelineRows } from './timeline/rows';

/** What a command is given: a row's context menu, an id (a row's button or key, a user's keybinding), nothing. */
type Subject = { snapshotId?: SnapshotId } | SnapshotId | undefined;

/** Longer than this, a request shows itself as a notification too. */
const patienceMs = 700;

export function registerCommands(tracker: SessionTracker): vscode.Disposable {
  const session = (): TrackedSession => {
    if (!tracker.current) throw new Error('No program is being debugged with Rollpoint. Start a session first.');
    return tracker.current;
  };

  const subject = async (
    given: Subject,
    title: string,
    filter: (snapshot: SnapshotInfo) => boolean = () => true,
  ): Promise<SnapshotInfo | undefined> => {
    const { list } = session();
    const id = typeof given === 'object' ? given.snapshotId : given;
    if (id === undefined) return pickSnapshot(session(), title, filter);
    const found = list.snapshots.find((snapshot) => snapshot.id === id);
    if (!found) throw new Error(`There is no snapshot ${id} any more.`);
    return found;
  };

  const update = async (
    given: Subject,
    title: string,
    pinned: boolean,
  ): Promise<SnapshotInfo | undefined> => {
    const snapshot = await subject(given, title, (candidate) => candidate.pinned !== pinned);
    return snapshot && updateSnapshot(session().session, { id: snapshot.id, pinned });
  };

  return vscode.Disposable.from(
    command(commandIds.takeSnapshotNow, () => take(session())),

    command(commandIds.takeSnapshot, async (given?: unknown) => {
      const target = session();
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
      if (!snapshot) return;
      await withProgress(`Restoring snapshot ${snapshot.id}`, restoreSnapshot(session().session, snapshot.id));
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
      return updateSnapshot(session().session, { id: snapshot.id, label: label.trim() || null });
    }),

    command(commandIds.pinSnapshot, (given?: Subject) => update(given, 'Pin snapshot', true)),
    command(commandIds.unpinSnapshot, (given?: Subject) => update(given, 'Unpin snapshot', false)),

    command(commandIds.deleteSnapshot, async (given?: Subject) => {
      const snapshot = await subject(given, 'Delete snapshot');
      if (snapshot) await deleteSnapshot(session().session, snapshot.id);
    }),

    command(commandIds.deleteAllSnapshots, () => deleteAll(session())),

    command(commandIds.showSnapshotLocation, async (id: SnapshotId) => {
      const location = tracker.current?.list.snapshots.find((snapshot) => snapshot.id === id)?.location;
      if (!location?.path) return;
      const position = new vscode.Position(Math.max((location.line ?? 1) - 1, 0), 0);
      await vscode.window.showTextDocument(vscode.Uri.file(location.path), {
        selection: new vscode.Range(position, position),
        preserveFocus: true,
        preview: true,
      });
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

async function deleteAll({ session, list }: TrackedSession): Promise<void> {
  const pinned = list.snapshots.filter((snapshot) => snapshot.pinned).length;
  const everything = 'Delete all';
  const unpinned = 'Keep pinned';
  const choice = await vscode.window.showWarningMessage(
    `Delete all ${count(list.snapshots.length, 'snapshot')} of this session? They cannot be brought back.`,
    ...(pinned > 0 ? [everything, unpinned] : [everything]),
  );
  if (!choice) return;
  const doomed = list.snapshots.filter((snapshot) => choice === everything || !snapshot.pinned);
  // Youngest first: no snapshot then ever has to take over the children of another.
  for (const { id } of doomed.sort((a, b) => b.id - a.id)) await deleteSnapshot(session, id);
}

async function pickSnapshot(
  session: TrackedSession,
  title: string,
  filter: (snapshot: SnapshotInfo) => boolean,
): Promise<SnapshotInfo | undefined> {
  const { list } = session;
  const rows = new Map(timelineRows(session).map((row) => [row.id, row]));
  const items = list.snapshots
    .filter(filter)
    .sort((a, b) => b.id - a.id)
    .map((snapshot) => {
      const row = rows.get(snapshot.id);
      const current = row?.current ?? false;
      const icon = current ? 'debug-stackframe' : snapshot.exact ? 'circle-outline' : 'warning';
      const warnings = snapshot.warnings.map(({ message }) => message).join(' ');
      return {
        label: `$(${snapshot.pinned && !current ? 'pinned' : icon}) ${labelOf(snapshot)}`,
        description: descriptionOf({ snapshot, current, branch: row?.graph.branch ?? false }),
        ...(warnings ? { detail: warnings } : {}),
        snapshot,
      };
    });
  if (items.length === 0) {
    void vscode.window.showInformationMessage('There is no snapshot to choose from.');
    return undefined;
  }
  const picked = await vscode.window.showQuickPick(items, { title, placeHolder: 'Snapshot', matchOnDescription: true });
  return picked?.snapshot;
}

/** In the view at once, as a notification when it takes long. */
async function withProgress<T>(title: string, work: Promise<T>): Promise<T> {
  const late = setTimeout(() => {
    void vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, () =>
      work.then(
        () => undefined,
        () => undefined,
      ),
    );
  }, patienceMs);
  try {
    return await vscode.window.withProgress({ location: { viewId } }, () => work);
  } finally {
    clearTimeout(late);
  }
}

/** Errors end as a notification, never as a modal dialog; the caller, if it is code, gets undefined. */
function command<A extends unknown[], T>(id: string, run: (...args: A) => Promise<T>): vscode.Disposable {
  return vscode.commands.registerCommand(id, async (...args: A) => {
    try {
      return await run(...args);
    } catch (error) {
      void vscode.window.showErrorMessage(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  });
}
