// Which snapshot a command is about: the one of the row that it was chosen on, else one from a list.
// Must not know the commands.

import * as vscode from 'vscode';
import type { Moment, SnapshotId, SnapshotInfo } from '../adapter/protocol';
import type { TrackedSession } from './sessionTracker';
import { descriptionOf, labelOf } from './snapshotText';
import { timelineRows } from './timeline/rows';

/** What a command is given: a row's context menu, an id (a row's button or key, a user's keybinding), nothing. */
export type Subject = { snapshotId?: SnapshotId } | SnapshotId | undefined;

type Filter = (snapshot: SnapshotInfo) => boolean;

export async function subjectOf(
  session: TrackedSession,
  given: Subject,
  title: string,
  filter: Filter = () => true,
): Promise<SnapshotInfo | undefined> {
  const id = typeof given === 'object' ? given.snapshotId : given;
  if (id === undefined) return pickSnapshot(session, title, filter);
  const found = session.list.snapshots.find((snapshot) => snapshot.id === id);
  if (!found) throw new Error(`There is no snapshot ${id} any more.`);
  return found;
}

export async function pickSnapshot(
  session: TrackedSession,
  title: string,
  filter: Filter,
): Promise<SnapshotInfo | undefined> {
  const items = itemsOf(session, filter);
  if (items.length === 0) {
    void vscode.window.showInformationMessage('There is no snapshot to choose from.');
    return undefined;
  }
  const picked = await vscode.window.showQuickPick(items, { title, placeHolder: 'Snapshot', matchOnDescription: true });
  return picked?.snapshot;
}

/** As `pickSnapshot`, with the present among them (null). */
export async function pickMoment(
  session: TrackedSession,
  title: string,
  filter: (moment: Moment) => boolean,
): Promise<Moment | undefined> {
  const present = { label: '$(debug-stackframe) Present', description: 'the program as it stands', snapshot: null };
  const items = [...(filter(null) ? [present] : []), ...itemsOf(session, ({ id }) => filter(id))];
  const options = { title, placeHolder: 'Snapshot', matchOnDescription: true };
  const picked = await vscode.window.showQuickPick<vscode.QuickPickItem & { snapshot: SnapshotInfo | null }>(items, options);
  return picked && (picked.snapshot?.id ?? null);
}

/** Youngest first. */
function itemsOf(session: TrackedSession, filter: Filter): (vscode.QuickPickItem & { snapshot: SnapshotInfo })[] {
  const rows = new Map(timelineRows(session).map((row) => [row.id, row]));
  return session.list.snapshots
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
}
