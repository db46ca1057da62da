// Where "Previous snapshot" and "Next snapshot" lead: along the branch of what is on screen.
// Pure; must not know VS Code.

import type { Moment, SnapshotId, SnapshotList } from '../../adapter/protocol';

/** What is on screen: `list.peeking`, else the present, which `moved` says is not the current snapshot. */
interface Shown {
  list: SnapshotList;
  moved: boolean;
}

/** The snapshot before what is on screen; undefined where there is none. */
export function previousMoment({ list, moved }: Shown): SnapshotId | undefined {
  if (list.peeking === null && moved) return list.current ?? undefined;
  return parentOf(list, list.peeking ?? list.current);
}

/**
 * The snapshot after what is on screen, on the way to the present; beyond the present, the youngest one that was taken
 * from there. null: the present itself, which is on none. Undefined where there is nothing after it.
 */
export function nextMoment({ list, moved }: Shown): Moment | undefined {
  if (list.peeking === null && moved) return undefined;
  const shown = list.peeking ?? list.current;
  if (shown === null) return undefined;
  for (let id = list.current; id !== null; id = parentOf(list, id) ?? null) {
    if (parentOf(list, id) === shown) return id;
  }
  if (shown === list.current && moved) return null;
  const children = list.snapshots.filter(({ parent }) => parent === shown).map(({ id }) => id);
  return children.length > 0 ? Math.max(...children) : undefined;
}

/** The snapshots on the branch before `id`, youngest first. */
export function earlierMoments(list: SnapshotList, id: SnapshotId): SnapshotId[] {
  const earlier: SnapshotId[] = [];
  for (let parent = parentOf(list, id); parent !== undefined; parent = parentOf(list, parent)) earlier.push(parent);
  return earlier;
}

function parentOf({ snapshots }: SnapshotList, id: SnapshotId | null): SnapshotId | undefined {
  const parent = snapshots.find((snapshot) => snapshot.id === id)?.parent;
  return snapshots.some((snapshot) => snapshot.id === parent) ? (parent ?? undefined) : undefined;
}
