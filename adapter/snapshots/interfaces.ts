// What the snapshot manager needs from the rest of the adapter, each as narrow as it goes.
// Types only; main.ts and the session supply them, tests supply their own.
import type { AutoSnapshot, FilePolicy, SnapshotId, SnapshotList, SnapshotLocation, SnapshotNotice, SnapshotWarning } from '../protocol';

/** The part of the native supervisor that keeps snapshots. */
export interface SnapshotCore {
  capture(options: { tid: number; files: FilePolicy }): Promise<{
    id: SnapshotId;
    parent: SnapshotId | null;
    bytes: number;
    pages: number;
    pauseMicros: number;
    exact: boolean;
    warnings: SnapshotWarning[];
  }>;
  /** What a rollback would not bring back, as far as that can be told before it; changes nothing. */
  checkRollback(id: SnapshotId): Promise<SnapshotWarning[]>;
  deleteSnapshot(id: SnapshotId): Promise<void>;
  /** Bytes in the page store, and bytes that the frozen twin alone keeps alive. */
  stats(): Promise<{ bytes: number; twinBytes: number }>;
}

/** Brings the debuggee and the debugger's view of it to a snapshot; resolves when both stand there. */
export interface Restorer {
  restore(id: SnapshotId): Promise<void>;
}

/** Shows a snapshot in place of the present, in which the process stays. */
export interface Viewer {
  /** Resolves when the debugger's view is of that moment; null is the present. */
  view(id: SnapshotId | null): Promise<void>;
  /** What is shown becomes the present: a rollback of which the debugger's view need not hear. */
  enter(): Promise<void>;
}

/** Asks for a restore that would not bring everything back; false where the user turns away. */
export type AskUser = (id: SnapshotId, warnings: readonly SnapshotWarning[]) => Promise<boolean>;

/** Where the stopped debuggee is. */
export interface Whereabouts {
  /** `threadId` is the DAP id of the current thread, `tid` the kernel's. */
  here(): Promise<{ threadId: number; tid: number; location: SnapshotLocation | null }>;
}

export interface SnapshotSink {
  /** At most once for each change, however many snapshots it touched. */
  changed(list: SnapshotList): void;
  /** A line for the user, without line end; `what`: what has become of a snapshot that was taken, or was to be. */
  tell(message: string, what?: SnapshotNotice['kind']): void;
}

export interface SnapshotPolicy {
  auto: AutoSnapshot;
  /** Bytes. */
  memoryLimit: number;
  files: FilePolicy;
}
