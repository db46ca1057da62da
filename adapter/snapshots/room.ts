// Keeps the snapshots within the memory limit: evicts automatic ones, and tells of each.
// Must not know why room is needed; the order is the retention's.
import type { SnapshotId } from '../protocol';
import type { SnapshotCore, SnapshotSink } from './interfaces';
import type { Retention } from './retention';
import { formatSize } from './size';
import { describe, type SnapshotTree } from './snapshot';

export class Room {
  constructor(
    private readonly parts: { core: SnapshotCore; sink: SnapshotSink },
    private readonly tree: SnapshotTree,
    private readonly retention: Retention,
    private readonly drop: (id: SnapshotId, why: string) => void,
  ) {}

  /** Evicts until the memory in use is below the limit; false when it cannot be brought there. */
  async make(): Promise<boolean> {
    const { current, peeking } = this.tree;
    let used = await this.used();
    while (used >= this.retention.limit) {
      // The current one last: once the process has moved on and the next one is taken, it is one of many.
      const id = this.nextToGo([current, peeking]) ?? (this.tree.hasMoved ? this.nextToGo([peeking]) : undefined);
      if (id === undefined) {
        return false;
      }
      await this.evict(id);
      used = await this.used();
    }
    return true;
  }

  async evictDownToLimit(needed: readonly SnapshotId[]): Promise<void> {
    while ((await this.used()) > this.retention.limit) {
      const id = this.nextToGo([...needed, this.tree.current, this.tree.peeking]);
      if (id === undefined) {
        return;
      }
      await this.evict(id);
    }
  }

  private nextToGo(needed: readonly (SnapshotId | null)[]): SnapshotId | undefined {
    return this.retention.next(this.tree.all(), needed);
  }

  private async evict(id: SnapshotId): Promise<void> {
    const snapshot = this.tree.get(id);
    const words = snapshot ? describe(snapshot) : `Snapshot ${id}`;
    await this.parts.core.deleteSnapshot(id);
    this.drop(id, 'was evicted; raise "snapshots.memoryLimit" or pin it to keep it.');
    this.parts.sink.tell(
      `${words} was evicted: the snapshots reached "snapshots.memoryLimit" (${formatSize(this.retention.limit)}). ` +
        'Pin a snapshot to keep it.',
      'evicted',
    );
  }

  private async used(): Promise<number> {
    const { bytes, twinBytes } = await this.parts.core.stats();
    return bytes + twinBytes;
  }

  async fullMessage(): Promise<string> {
    return (
      `The snapshots that stay (hand-made, pinned and current) take ${formatSize(await this.used())} of the ` +
      `${formatSize(this.retention.limit)} that "snapshots.memoryLimit" allows: delete some, or raise it.`
    );
  }
}
