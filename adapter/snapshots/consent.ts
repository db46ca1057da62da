// What a restore would not bring back, and whether the user wants it all the same.
// Must not know how a restore is done, nor how the user is asked.
import { UserError } from '../errors';
import type { RestoreCheck, SnapshotId, SnapshotInfo } from '../protocol';
import type { AskUser, SnapshotCore } from './interfaces';
import type { SnapshotTree } from './snapshot';

/** What was told of these at the capture is that something might be lost; by now it is known whether it is. */
const askedNow: ReadonlySet<string> = new Set(['connection', 'pipe']);

interface Guard {
  /** Nothing else is done with snapshots meanwhile. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** Throws UserError when the program runs or has ended. */
  requireStopped(done: string): void;
  /** Since a restore that failed half-way: what the next one does not bring back matters no more. */
  broken(): boolean;
}

interface Doubt extends RestoreCheck {
  id: SnapshotId;
}

export class Consent {
  constructor(
    private readonly parts: { core: Pick<SnapshotCore, 'checkRollback'>; ask?: AskUser | undefined },
    private readonly tree: SnapshotTree,
    private readonly guard: Guard,
  ) {}

  /** What a restore of `id` would not bring back. Changes nothing. Throws as a restore does. */
  check(id: SnapshotId): Promise<RestoreCheck> {
    return this.guard.alone(() => this.look(id));
  }

  /** Throws UserError where a restore of `id` would not bring everything back and is not wanted therefore. */
  async settle(id: SnapshotId): Promise<void> {
    await this.agree(await this.guard.alone(() => this.doubt(id)));
  }

  /**
   * Rolls back to what is chosen, and gives its id. While the user is asked everything else goes on, also what makes the
   * answer too late: `again` then throws. `ask`: another way than the usual one.
   */
  async restore(choose: () => SnapshotInfo, rollBack: (id: SnapshotId) => Promise<void>, again = (id: SnapshotId) => this.tree.find(id), ask?: AskUser): Promise<SnapshotId> {
    const { id, doubt } = await this.guard.alone(async () => {
      this.guard.requireStopped('restored');
      const chosen = choose().id;
      const found = await this.doubt(chosen);
      if (!found) {
        await rollBack(chosen);
      }
      return { id: chosen, doubt: found };
    });
    if (doubt) {
      await this.agree(doubt, ask);
      await this.guard.alone(() => rollBack(again(id).id));
    }
    return id;
  }

  private async look(id: SnapshotId): Promise<RestoreCheck> {
    this.guard.requireStopped('restored');
    const { warnings: notHeld } = this.tree.find(id);
    const now = await this.parts.core.checkRollback(id);
    const refused = now.some(({ kind }) => kind === 'refused');
    const warnings = refused ? now : [...notHeld.filter(({ kind }) => !askedNow.has(kind)), ...now];
    return { exact: warnings.length === 0, warnings };
  }

  /** What the user has to be asked about; undefined where there is nothing, or nobody to ask. */
  private async doubt(id: SnapshotId): Promise<Doubt | undefined> {
    if (!this.parts.ask || this.guard.broken()) {
      return undefined;
    }
    const check = await this.look(id);
    const refusal = check.warnings.find(({ kind }) => kind === 'refused');
    if (refusal) {
      throw new UserError(refusal.message);
    }
    return check.exact ? undefined : { id, ...check };
  }

  private async agree(doubt: Doubt | undefined, ask = this.parts.ask): Promise<void> {
    if (doubt && ask && !(await ask(doubt.id, doubt.warnings))) {
      throw new UserError(`The restore of snapshot ${doubt.id} was cancelled.`, false);
    }
  }
}
