// The timeline as a tree to show: straight lines stay flat, an indentation starts only where the tree forks.
// Pure: values in, values out; must not know VS Code or the session.

import type { SnapshotId, SnapshotInfo, SnapshotList } from '../adapter/protocol';

export interface SnapshotNode {
  snapshot: SnapshotInfo;
  /** The process stands on this snapshot, or has run on from it. */
  current: boolean;
  /** First snapshot of a branch that leaves an older line. */
  branch: boolean;
  /** The node under which this one is shown, which is not always that of the parent snapshot. */
  container: SnapshotNode | null;
  children: SnapshotNode[];
}

export const emptyList: SnapshotList = { snapshots: [], current: null, peeking: null };

interface Line {
  snapshots: SnapshotInfo[];
  /** Leaves an older line, rather than going on with it. */
  branch: boolean;
}

/**
 * The oldest child goes on with the line of its parent, at the same level; younger children are branches, shown under
 * the snapshot they leave from. One line is shown flat; where several stand at one place, each hangs under its own
 * first snapshot, so that they cannot be read as one.
 */
export function buildTree(list: SnapshotList): SnapshotNode[] {
  const childrenOf = groupByParent(list.snapshots);

  const lineFrom = (first: SnapshotInfo, branch: boolean): Line => {
    const snapshots = [first];
    for (let next = childrenOf.get(first.id)?.[0]; next; next = childrenOf.get(next.id)?.[0]) snapshots.push(next);
    return { snapshots, branch };
  };
  const branchesOf = (snapshot: SnapshotInfo): Line[] =>
    (childrenOf.get(snapshot.id) ?? []).slice(1).map((first) => lineFrom(first, true));

  const show = (
    snapshot: SnapshotInfo,
    branch: boolean,
    container: SnapshotNode | null,
    under: Line[],
  ): SnapshotNode => {
    const current = snapshot.id === list.current;
    const shown: SnapshotNode = { snapshot, current, branch, container, children: [] };
    shown.children = place(under, shown);
    return shown;
  };
  const place = (lines: Line[], container: SnapshotNode | null): SnapshotNode[] => {
    const [only, ...others] = lines;
    if (only && others.length === 0) {
      return only.snapshots.map((snapshot, index) =>
        show(snapshot, only.branch && index === 0, container, branchesOf(snapshot)),
      );
    }
    return lines.flatMap(({ snapshots: [head, ...rest], branch }) => {
      if (!head) return [];
      const continued: Line[] = rest.length > 0 ? [{ snapshots: rest, branch: false }] : [];
      return [show(head, branch, container, [...continued, ...branchesOf(head)])];
    });
  };

  return place(
    (childrenOf.get(null) ?? []).map((first) => lineFrom(first, false)),
    null,
  );
}

export function findNode(tree: readonly SnapshotNode[], id: SnapshotId): SnapshotNode | undefined {
  for (const candidate of tree) {
    const found = candidate.snapshot.id === id ? candidate : findNode(candidate.children, id);
    if (found) return found;
  }
  return undefined;
}

/** Every node, in the order shown. */
export function flatten(tree: readonly SnapshotNode[]): SnapshotNode[] {
  return tree.flatMap((shown) => [shown, ...flatten(shown.children)]);
}

export function totalBytes(list: SnapshotList): number {
  return list.snapshots.reduce((sum, snapshot) => sum + snapshot.bytes, 0);
}

/** Oldest first. A parent that is not in the list (evicted meanwhile) counts as none. */
function groupByParent(snapshots: readonly SnapshotInfo[]): Map<SnapshotId | null, SnapshotInfo[]> {
  const known = new Set(snapshots.map((snapshot) => snapshot.id));
  const groups = new Map<SnapshotId | null, SnapshotInfo[]>();
  for (const snapshot of [...snapshots].sort((a, b) => a.id - b.id)) {
    const parent = snapshot.parent !== null && known.has(snapshot.parent) ? snapshot.parent : null;
    const group = groups.get(parent);
    if (group) group.push(snapshot);
    else groups.set(parent, [snapshot]);
  }
  return groups;
}
