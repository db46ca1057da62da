// The snapshots of a session as a tree: who hangs under whom, and which one the process stands on or has run on from.
// Pure data; must not know the core, gdb or how snapshots are kept within the limit.
import { UserError } from '../errors';
import type { SnapshotId, SnapshotInfo, SnapshotList, SnapshotReason } from '../protocol';

/** Taken without being asked for: may be evicted unless pinned. */
export function isAutomatic(snapshot: SnapshotInfo): boolean {
  return snapshot.reason !== 'manual';
}

/** How messages name a snapshot: `Snapshot 3 (before the loop)`, `Snapshot 4 (main, counter.cpp:12)`. */
export function describe(snapshot: SnapshotInfo): string {
  const at = snapshot.location;
  const file = at?.path?.slice(at.path.lastIndexOf('/') + 1);
  const place = at && [at.name, file && (at.line === undefined ? file : `${file}:${at.line}`)].filter(Boolean).join(', ');
  const words = snapshot.label ?? place;
  return words ? `Snapshot ${snapshot.id} (${words})` : `Snapshot ${snapshot.id}`;
}

export class SnapshotTree {
  private readonly byId = new Map<SnapshotId, SnapshotInfo>();
  /** Why an id is no longer there. */
  private readonly gone = new Map<SnapshotId, string>();
  private standing: SnapshotId | null = null;
  private moved = true;
  /** The snapshot that is shown in place of the present. */
  peeking: SnapshotId | null = null;

  /** The snapshot that the process stands on or has run on from. */
  get current(): SnapshotId | null {
    return this.standing;
  }

  /** True when the process may differ from `current`, or there is none. */
  get hasMoved(): boolean {
    return this.standing === null || this.moved;
  }

  get(id: SnapshotId): SnapshotInfo | undefined {
    return this.byId.get(id);
  }

  all(): readonly SnapshotInfo[] {
    return [...this.byId.values()];
  }

  add(snapshot: SnapshotInfo): void {
    this.byId.set(snapshot.id, snapshot);
    this.arriveAt(snapshot.id);
  }

  /** The process is now exactly as it was at `id`. */
  arriveAt(id: SnapshotId): void {
    this.standing = id;
    this.moved = false;
  }

  /** The process ran, or the user changed it. */
  moveOn(): void {
    this.moved = true;
  }

  /** Children of the removed one hang under its parent; so does the process. `why`: as the end of the sentence `Snapshot 7 …`. */
  remove(id: SnapshotId, why?: string): void {
    const gone = this.byId.get(id);
    if (!gone) {
      return;
    }
    this.byId.delete(id);
    if (why !== undefined) {
      this.gone.set(id, why);
    }
    for (const snapshot of this.byId.values()) {
      if (snapshot.parent === id) {
        snapshot.parent = gone.parent;
      }
    }
    if (this.standing === id) {
      this.standing = gone.parent;
      this.moved = true;
    }
  }

  /** The snapshot before what is shown on its branch; `reason` narrows it to snapshots taken for that reason. */
  previous(reason?: SnapshotReason): SnapshotInfo | undefined {
    const from = this.peeking ?? this.standing;
    const start = from === null ? undefined : this.byId.get(from);
    let candidate = this.moved && this.peeking === null ? start : this.parentOf(start);
    while (candidate && reason && candidate.reason !== reason) {
      candidate = this.parentOf(candidate);
    }
    return candidate;
  }

  /** Throws UserError when there is no such snapshot, with the reason if it was there once. */
  find(id: SnapshotId): SnapshotInfo {
    const why = this.gone.get(id);
    return this.byId.get(id) ?? fail(why ? `Snapshot ${id} ${why}` : `There is no snapshot ${id}.`);
  }

  /**
   * Snapshots on the way from `from` (default: the root) to `to` (default: the one shown, else the current one), oldest
   * first. Throws UserError when there is no such way.
   */
  branch(from?: SnapshotId, to?: SnapshotId): SnapshotId[] {
    const end = this.find(to ?? this.peeking ?? this.standing ?? fail('There is no snapshot yet.')).id;
    const ids = this.way(end);
    const start = from === undefined ? 0 : ids.indexOf(this.find(from).id);
    return start < 0 ? fail(`Snapshot ${from} does not lie on the way to snapshot ${end}.`) : ids.slice(start);
  }

  private way(id: SnapshotId): SnapshotId[] {
    const ids: SnapshotId[] = [];
    for (let at = this.byId.get(id); at; at = this.parentOf(at)) {
      ids.unshift(at.id);
    }
    return ids;
  }

  /** Copies, in the order taken. */
  list(): SnapshotList {
    const snapshots = [...this.byId.values()].sort((a, b) => a.id - b.id).map((snapshot) => structuredClone(snapshot));
    return { snapshots, current: this.standing, peeking: this.peeking };
  }

  private parentOf(snapshot: SnapshotInfo | undefined): SnapshotInfo | undefined {
    return snapshot?.parent == null ? undefined : this.byId.get(snapshot.parent);
  }
}

function fail(message: string): never {
  throw new UserError(message);
}
