// Takes, restores, lists, changes and deletes the snapshots of one session, and keeps them within the memory limit.
// Must not know gdb, DAP messages or the addon: the core, the restorer and the sink are passed in.
import { BrokenProgramError, messageOf, UserError } from '../errors';
import type { SnapshotId, SnapshotInfo, SnapshotList, SnapshotReason } from '../protocol';
import { Consent } from './consent';
import type { AskUser, Restorer, SnapshotCore, SnapshotPolicy, SnapshotSink, Viewer, Whereabouts } from './interfaces';
import { Looking } from './looking';
import { Retention } from './retention';
import { Room } from './room';
import { isAutomatic, SnapshotTree } from './snapshot';
import { reasonOf, shouldTake, type Stop } from './trigger';

export interface ManagerParts {
  core: SnapshotCore;
  restorer: Restorer;
  viewer: Viewer;
  whereabouts: Whereabouts;
  sink: SnapshotSink;
  /** Undefined where the user cannot be asked: a restore is then done without. */
  ask?: AskUser | undefined;
  /** Milliseconds since the epoch. */
  clock: () => number;
  policy: SnapshotPolicy;
}

type ProgramState = 'running' | 'stopped' | 'ended';

export class SnapshotManager {
  private readonly tree = new SnapshotTree();
  private readonly retention: Retention;
  private readonly room: Room;
  readonly consent: Consent;
  readonly looking: Looking;
  private program: ProgramState = 'running';
  private restoring: SnapshotId | null = null;
  /** Since a restore that failed half-way: the present is nothing to keep. */
  private broken = false;
  /** Where the process stands while something else is shown: the debugger would tell of that. */
  private present: Awaited<ReturnType<Whereabouts['here']>> | undefined;
  /** The debugger is being led to another moment: its resume is none. */
  private viewing = false;
  private queue: Promise<unknown> = Promise.resolve();
  private changes = false;
  private saidFull = false;
  private lastFailure: string | undefined;

  constructor(private readonly parts: ManagerParts) {
    this.retention = new Retention(parts.policy.memoryLimit);
    this.room = new Room(parts, this.tree, this.retention, (id, why) => this.drop(id, why));
    const guard = {
      alone: <T>(work: () => Promise<T>) => this.exclusively(work),
      requireStopped: (done: string) => this.requireStopped(done),
    };
    this.consent = new Consent(parts, this.tree, { ...guard, broken: () => this.broken });
    this.looking = new Looking(parts, this.tree, {
      ...guard,
      here: async () => this.present ?? parts.whereabouts.here(),
    });
  }

  list(): SnapshotList {
    return this.tree.list();
  }

  /** To be awaited before the user hears of the stop, so that the snapshot is of exactly that moment. Never rejects. */
  async onStop(stop: Stop): Promise<void> {
    if (this.program !== 'ended') {
      this.program = 'stopped';
    }
    if (this.restoring !== null) {
      // Comes from inside `restore`, which holds the queue: to wait for it here would be to wait for ourselves.
      if (stop.restoring) {
        this.arrive(this.restoring);
      }
      return;
    }
    if (shouldTake(stop, this.parts.policy.auto)) {
      await this.exclusively(() => this.takeAutomatic(reasonOf(stop)));
    }
  }

  onResume(): void {
    if (this.viewing) {
      return;
    }
    this.forgetPeek();
    if (this.program !== 'ended') {
      this.program = 'running';
    }
    this.tree.moveOn();
  }

  /** The user wrote to memory, a register or a variable: the process no longer equals its snapshot. */
  onEdit(): void {
    this.tree.moveOn();
  }

  onEnd(): void {
    this.program = 'ended';
    this.forgetPeek();
    this.publish();
  }

  /** The core lost snapshots with an exec or with the process. `tell`: the user is told, and why. */
  onLost(ids: readonly SnapshotId[], message: string, tell: boolean): void {
    const lost = ids.filter((id) => this.tree.get(id));
    for (const id of lost) {
      this.drop(id, `is gone: ${message}`);
    }
    if (this.tree.peeking !== null && lost.includes(this.tree.peeking)) {
      void this.peek(null).catch(() => undefined);
    }
    if (tell && lost.length > 0) {
      this.parts.sink.tell(message);
    }
    this.publish();
  }

  /** The program was killed and stands at snapshot `id` in another process. */
  onRevived(id: SnapshotId): void {
    this.forgetPeek();
    if (this.tree.get(id)) {
      this.arrive(id);
    }
  }

  /** Takes one by hand. Throws UserError when the program runs or has ended, or the memory limit is reached. */
  take(label?: string): Promise<SnapshotInfo> {
    return this.exclusively(async () => {
      this.requireStopped('taken');
      if (this.broken) {
        fail('The last restore failed half-way, and the program is in no state worth a snapshot. Restore one first.');
      }
      if (!(await this.room.make())) {
        throw new UserError(await this.room.fullMessage());
      }
      return structuredClone(await this.capture('manual', label));
    });
  }

  /**
   * Rolls the process back to snapshot `id`. What the process is now is kept first, as a snapshot with reason
   * `restore`, unless it still stands on one. Throws UserError when there is no such snapshot or the program runs.
   */
  restore(id: SnapshotId): Promise<void> {
    return this.exclusively(() => this.rollBackTo(id));
  }

  /** As `restore`, after a run that was not the user's: nothing is kept of that. */
  giveUp(id: SnapshotId): Promise<void> {
    // While it goes on there is a snapshot, for a rollback that fails.
    return this.exclusively(() => this.looking.withPresent(!this.broken, () => this.rollBackTo(id, { keep: false })));
  }

  /** The snapshot that is shown in place of the present. */
  get peeking(): SnapshotId | null {
    return this.tree.peeking;
  }

  /** Shows a snapshot, or the present again. Throws UserError when there is no such snapshot or the program runs. */
  peek(id: SnapshotId | null): Promise<void> {
    return this.exclusively(async () => {
      this.requireStopped('viewed');
      const wanted = id === null ? null : this.tree.find(id).id;
      this.present ??= await this.parts.whereabouts.here();
      this.viewing = true;
      try {
        await this.parts.viewer.view(wanted);
        this.tree.peeking = wanted;
        this.changes = true;
      } finally {
        this.viewing = false;
        if (this.tree.peeking === null) {
          this.present = undefined;
        }
      }
    });
  }

  /**
   * Restores the snapshot that is shown, so that what follows runs or changes it; gives its id. Does nothing where the
   * present is shown. `ask`: as of the parts.
   */
  async goOnFromPeek(ask?: AskUser): Promise<SnapshotId | null> {
    const { peeking } = this.tree;
    if (peeking === null) {
      return null;
    }
    const shown = (): SnapshotInfo => (this.tree.peeking === peeking ? this.tree.find(peeking) : fail(`Snapshot ${peeking} is no longer on screen.`));
    return this.consent.restore(shown, (id) => this.rollBackTo(id, { go: () => this.parts.viewer.enter() }), shown, ask);
  }

  /** The snapshot of what the process is now: the one that it stands on, else a new one. */
  keepPresent(): Promise<SnapshotId> {
    return this.exclusively(async () => {
      this.requireStopped('taken');
      if (this.tree.hasMoved) {
        await this.capture('restore');
      }
      return this.tree.current ?? fail('There is no snapshot of the present.');
    });
  }

  /** To the previous snapshot on the current branch. Throws UserError when there is none. */
  stepBack(): Promise<SnapshotId> {
    const previous = () => this.tree.previous() ?? fail('There is no earlier snapshot on this branch to step back to.');
    return this.consent.restore(previous, (id) => this.rollBackTo(id));
  }

  /** To the previous breakpoint snapshot on the current branch. Throws UserError when there is none. */
  reverseContinue(): Promise<SnapshotId> {
    const previous = () => this.tree.previous('breakpoint') ?? fail('There is no earlier breakpoint snapshot on this branch to go back to.');
    return this.consent.restore(previous, (id) => this.rollBackTo(id));
  }

  /** What is undefined in `change` stays; an empty label counts as none. */
  update(id: SnapshotId, change: { label?: string | null; pinned?: boolean }): Promise<SnapshotInfo> {
    return this.exclusively(async () => {
      const snapshot = this.tree.find(id);
      if (change.label !== undefined) {
        snapshot.label = change.label?.trim() || null;
        this.changes = true;
      }
      if (change.pinned !== undefined && change.pinned !== snapshot.pinned) {
        snapshot.pinned = change.pinned;
        this.changes = true;
        this.file(snapshot);
      }
      return structuredClone(snapshot);
    });
  }

  /** Also a pinned one and the current one: pinning guards against eviction, not against the user. */
  delete(id: SnapshotId): Promise<void> {
    return this.exclusively(async () => {
      this.tree.find(id);
      if (id === this.tree.peeking) {
        fail(`Snapshot ${id} is on screen: return to the present first.`);
      }
      await this.parts.core.deleteSnapshot(id);
      this.drop(id, 'was deleted.');
    });
  }

  private async takeAutomatic(reason: SnapshotReason): Promise<void> {
    try {
      if (this.program !== 'stopped' || this.broken) {
        return;
      }
      if (await this.room.make()) {
        await this.capture(reason);
        this.saidFull = false;
      } else if (!this.saidFull) {
        this.saidFull = true;
        this.parts.sink.tell(`No more automatic snapshots for now. ${await this.room.fullMessage()}`, 'skipped');
      }
      this.lastFailure = undefined;
    } catch (error) {
      const message = messageOf(error);
      if (message !== this.lastFailure) {
        this.parts.sink.tell(`No snapshot was taken at this stop: ${message}`, 'skipped');
      }
      this.lastFailure = message;
    }
  }

  private async capture(reason: SnapshotReason, label?: string, alsoNeeded?: SnapshotId): Promise<SnapshotInfo> {
    const { core, whereabouts, clock, policy } = this.parts;
    const { threadId, tid, location } = this.present ?? (await whereabouts.here());
    const createdAt = clock();
    const { id, parent, bytes, pages, pauseMicros, exact, warnings } = await core.capture({ tid, files: policy.files });
    const snapshot: SnapshotInfo = {
      id,
      parent: parent !== null && this.tree.get(parent) ? parent : this.tree.current,
      label: label?.trim() || null,
      reason,
      createdAt,
      threadId,
      location,
      bytes,
      pages,
      pauseMicros,
      pinned: false,
      exact,
      warnings,
    };
    this.tree.add(snapshot);
    this.changes = true;
    this.file(snapshot);
    await this.room.evictDownToLimit(alsoNeeded === undefined ? [id] : [id, alsoNeeded]);
    return snapshot;
  }

  private async rollBackTo(wanted: SnapshotId, { go = (id: SnapshotId) => this.parts.restorer.restore(id), keep = true } = {}): Promise<void> {
    this.requireStopped('restored');
    const { id } = this.tree.find(wanted);
    if (keep && this.tree.hasMoved && !this.broken) {
      // Never refused for want of memory: without it the present would be lost.
      await this.capture('restore', undefined, id);
      this.publish();
    }
    const stoodOn = this.tree.hasMoved ? null : this.tree.current;
    this.restoring = id;
    try {
      await go(id);
      this.forgetPeek();
      this.arrive(id);
    } catch (error) {
      if (this.program === 'running') {
        this.program = 'stopped';
      }
      if (!(error instanceof BrokenProgramError)) {
        // It is where it was.
        if (stoodOn !== null) {
          this.tree.arriveAt(stoodOn);
        }
        throw error;
      }
      this.broken = true;
      const other = this.tree.list().snapshots.filter((snapshot) => snapshot.id !== id).at(-1);
      throw other ? new BrokenProgramError(`${error.message} The newest other one is snapshot ${other.id}.`) : error;
    } finally {
      this.restoring = null;
    }
  }

  private forgetPeek(): void {
    this.present = undefined;
    if (this.tree.peeking !== null) {
      this.tree.peeking = null;
      this.changes = true;
    }
  }

  private arrive(id: SnapshotId): void {
    this.broken = false;
    if (this.program !== 'ended') {
      this.program = 'stopped';
    }
    if (this.tree.current !== id || this.tree.hasMoved) {
      this.tree.arriveAt(id);
      this.changes = true;
      // Before the session tells of the stop: who lists the snapshots then must find this one current.
      this.publish();
    }
  }

  private file(snapshot: SnapshotInfo): void {
    if (isAutomatic(snapshot) && !snapshot.pinned) {
      this.retention.release(snapshot.id, snapshot.bytes);
    } else {
      this.retention.keep(snapshot.id);
    }
  }

  private drop(id: SnapshotId, why: string): void {
    this.tree.remove(id, why);
    this.retention.keep(id);
    this.changes = true;
  }

  private requireStopped(done: string): void {
    if (this.program === 'running') {
      fail(`The program is running: pause it first, then a snapshot can be ${done}.`);
    }
    if (this.program === 'ended') {
      fail(`The program has ended, so no snapshot can be ${done}. Start it again.`);
    }
  }

  private publish(): void {
    if (this.changes) {
      this.changes = false;
      this.parts.sink.changed(this.list());
    }
  }

  /** One at a time, in the order asked for: a capture and a rollback must never interleave. */
  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work).finally(() => this.publish());
    this.queue = result.catch(() => undefined);
    return result;
  }
}

function fail(message: string): never {
  throw new UserError(message);
}
