// Which snapshots may be evicted to stay within the memory limit, and in which order: oldest automatic first.
// Sizes and ids only; must not know the core: who asks says how much memory is in use, and evicts.
import { LRUCache } from 'lru-cache';
import type { SnapshotId } from '../protocol';

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

  /** Bytes that all evictable snapshots added together. */
  get evictableBytes(): number {
    return this.evictable.calculatedSize;
  }

  /** The oldest evictable snapshot that is none of `needed`. */
  oldest(needed: readonly (SnapshotId | null)[]): SnapshotId | undefined {
    for (const id of this.evictable.rkeys()) {
      if (!needed.includes(id)) {
        return id;
      }
    }
    return undefined;
  }
}
