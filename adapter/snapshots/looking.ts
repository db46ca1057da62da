// Looks at snapshots, and at the present as one of them, without any change that anybody hears of.
// Must not know who looks, or for what.
import type { SnapshotId } from '../protocol';
import type { SnapshotCore, SnapshotPolicy } from './interfaces';
import type { SnapshotTree } from './snapshot';

interface Guard {
  /** Nothing else is done with snapshots meanwhile. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** Throws UserError when the program runs or has ended. */
  requireStopped(done: string): void;
  /** The thread that the process stopped in. */
  here(): Promise<{ tid: number }>;
}

export class Looking {
  constructor(
    private readonly parts: { core: SnapshotCore; policy: SnapshotPolicy },
    private readonly tree: SnapshotTree,
    private readonly guard: Guard,
  ) {}

  /** While `work` goes on nothing else is taken, restored, shown or deleted. Throws UserError when the program runs. */
  undisturbed<T>(work: () => Promise<T>): Promise<T> {
    return this.guard.alone(async () => {
      this.guard.requireStopped('looked at');
      return work();
    });
  }

  /** Within `undisturbed`. Where `wanted`, `work` gets a snapshot of the present, which goes with it. */
  async withPresent<T>(wanted: boolean, work: (present: SnapshotId | null) => Promise<T>): Promise<T> {
    if (!wanted || !this.tree.hasMoved) {
      return work(this.tree.current);
    }
    const { core, policy } = this.parts;
    const { tid } = await this.guard.here();
    const { id } = await core.capture({ tid, files: policy.files });
    try {
      return await work(id);
    } finally {
      await core.deleteSnapshot(id);
    }
  }

  /** As SnapshotTree's. */
  branch(from?: SnapshotId, to?: SnapshotId): SnapshotId[] {
    return this.tree.branch(from, to);
  }

  /** Gives the id back. Throws UserError when there is no such snapshot. */
  known(id: SnapshotId): SnapshotId {
    return this.tree.find(id).id;
  }
}
