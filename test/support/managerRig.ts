// A snapshot manager on a core of its own that only keeps accounts: nothing is captured, and nothing rolled back.
// Must not know what any test expects.
import type { SnapshotId, SnapshotList, SnapshotWarning } from '../../adapter/protocol';
import { SnapshotManager } from '../../adapter/snapshots/manager';
import type { AskUser, SnapshotPolicy } from '../../adapter/snapshots/interfaces';

/** Keeps snapshots of given sizes; a deleted one frees its bytes at once. */
export class AccountsCore {
  readonly sizes = new Map<SnapshotId, number>();
  nextSize = 10;
  twinBytes = 0;
  failure: Error | undefined;
  private last = 0;
  running = 0;
  mostAtOnce = 0;

  async capture() {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.running);
    await new Promise((resolve) => setImmediate(resolve));
    this.running--;
    if (this.failure) {
      throw this.failure;
    }
    const id = ++this.last;
    this.sizes.set(id, this.nextSize);
    return { id, parent: null, bytes: this.nextSize, pages: 1, pauseMicros: 7, exact: this.notHeld.length === 0, warnings: this.notHeld };
  }

  async deleteSnapshot(id: SnapshotId) {
    if (!this.sizes.delete(id)) {
      throw new Error(`core has no ${id}`);
    }
  }

  lost: SnapshotWarning[] = [];
  notHeld: SnapshotWarning[] = [];
  async checkRollback() {
    return this.lost;
  }

  async stats() {
    return { bytes: [...this.sizes.values()].reduce((a, b) => a + b, 0), twinBytes: this.twinBytes };
  }
}

export function setUp(policy: Partial<SnapshotPolicy> = {}, ask?: AskUser) {
  const core = new AccountsCore();
  const told: string[] = [];
  const notices: string[] = [];
  const lists: SnapshotList[] = [];
  const restored: SnapshotId[] = [];
  const viewed: (SnapshotId | null | 'enter')[] = [];
  let duringRestore: () => Promise<void> = async () => undefined;
  const manager = new SnapshotManager({
    core,
    restorer: {
      restore: async (id) => {
        await duringRestore();
        restored.push(id);
      },
    },
    viewer: { view: async (id) => void viewed.push(id), enter: async () => void viewed.push('enter') },
    whereabouts: { here: async () => ({ threadId: 2, tid: 4711, location: { name: 'tick', line: 3 } }) },
    sink: {
      changed: (list) => lists.push(list),
      tell: (message, what) => {
        told.push(message);
        if (what) notices.push(what);
      },
    },
    ask,
    clock: () => 1000,
    policy: { auto: 'breakpoints', memoryLimit: 100, files: 'rewind', ...policy },
  });
  const stopAt = (kind: string) => {
    manager.onResume();
    return manager.onStop({ kind, restoring: false });
  };
  const ids = () => manager.list().snapshots.map(({ id }) => id);
  return {
    core,
    told,
    notices,
    lists,
    restored,
    viewed,
    manager,
    stopAt,
    ids,
    onRestore: (work: () => Promise<void>) => (duringRestore = work),
  };
}

export async function messageOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('was expected to fail');
}
