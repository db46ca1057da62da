// Which snapshots may be evicted to stay within the memory limit, and in which order: thinned out, the older the more.
// Ids, sizes and parents only; must not know the core: who asks says how much memory is in use, and evicts.
import { LRUCache } from 'lru-cache';
import type { SnapshotId, SnapshotInfo } from '../protocol';

/** What the order depends on. */
export type Placed = Pick<SnapshotInfo, 'id' | 'parent' | 'pinned'>;

export class Retention {
  /** Snapshots that may be evicted, each with the bytes that it added. Never read with `get`: that would make it young. */
  private readonly evictable = new LRUCache<SnapshotId, number>({
    // Evicting is a request to the core, which then says what it freed: the cache keeps order and account, no more.
    maxSize: Number.MAX_SAFE_INTEGER,
    sizeCalculation: (bytes) => Math.max(1, bytes),
  });

  /** `limit` in bytes. */
  constructor(readonly limit: number) {}

  /** May be evicted from now on; one that was pinned until now counts as new. `bytes`: what it adds to the memory in use. */
  release(id: SnapshotId, bytes: number): void {
    this.evictable.set(id, bytes);
  }

  /** Stays until somebody deletes or releases it; also for one that is gone. */
  keep(id: SnapshotId): void {
    this.evictable.delete(id);
  }

  /**
   * The evictable snapshot to go next, which is none of `needed`: of those that lie closest together for their age, the
   * oldest. So n snapshots of a long run stay dense near the present and spread over its past, as rr keeps them. The
   * beginning of a line goes after all others, and the way to a pinned snapshot after that.
   */
  next(snapshots: readonly Placed[], needed: readonly (SnapshotId | null)[]): SnapshotId | undefined {
    const byId = new Map(snapshots.map((snapshot) => [snapshot.id, snapshot]));
    const guarded = waysToPinned(snapshots, byId);
    const nextOf = eldestChildren(snapshots);
    const newest = Math.max(...byId.keys());
    let chosen: { id: SnapshotId; rank: [guarded: number, spread: number] } | undefined;
    for (const id of this.evictable.rkeys()) {
      const snapshot = byId.get(id);
      if (!snapshot || needed.includes(id)) {
        continue;
      }
      const { parent } = snapshot;
      const before = parent !== null && byId.has(parent) ? id - parent : Infinity;
      const child = nextOf.get(id);
      const gap = before + (child === undefined ? before : child - id);
      const rank: [number, number] = [guarded.has(id) ? 1 : 0, gap / (newest - id + 1)];
      if (!chosen || rank[0] < chosen.rank[0] || (rank[0] === chosen.rank[0] && rank[1] < chosen.rank[1])) {
        chosen = { id, rank };
      }
    }
    return chosen?.id;
  }
}

function waysToPinned(snapshots: readonly Placed[], byId: ReadonlyMap<SnapshotId, Placed>): Set<SnapshotId> {
  const ways = new Set<SnapshotId>();
  for (const { pinned, parent } of snapshots) {
    if (!pinned) {
      continue;
    }
    for (let id = parent; id !== null && !ways.has(id); id = byId.get(id)?.parent ?? null) {
      ways.add(id);
    }
  }
  return ways;
}

function eldestChildren(snapshots: readonly Placed[]): Map<SnapshotId, SnapshotId> {
  const eldest = new Map<SnapshotId, SnapshotId>();
  for (const { id, parent } of snapshots) {
    if (parent !== null && id < (eldest.get(parent) ?? Infinity)) {
      eldest.set(parent, id);
    }
  }
  return eldest;
}
