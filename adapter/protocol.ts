// The one contract between the debug adapter and whoever talks to it: custom requests, the event, launch attributes.
// Types and names only; must not import anything from the adapter or from VS Code.

/** Identifies a snapshot for the life of a session: 1, 2, 3 … in the order taken; never reused. */
export type SnapshotId = number;

/** Why a snapshot was taken. */
export type SnapshotReason = 'breakpoint' | 'step' | 'exception' | 'manual' | 'restore' | 'entry' | 'pause' | 'exit';

/** Something that a snapshot does not hold, or that a rollback cannot put back; `message` is for the user. */
export interface SnapshotWarning {
  kind: string;
  message: string;
}

export interface SnapshotLocation {
  /** Function name as gdb shows it. */
  name: string;
  /** Absolute path of the source file, where gdb knows it. */
  path?: string;
  /** 1-based. */
  line?: number;
}

export interface SnapshotInfo {
  id: SnapshotId;
  /** The snapshot from which the program ran on to this one; null for the first. */
  parent: SnapshotId | null;
  label: string | null;
  reason: SnapshotReason;
  /** Milliseconds since the epoch. */
  createdAt: number;
  /** DAP thread id that was current. */
  threadId: number;
  location: SnapshotLocation | null;
  /** Bytes that this snapshot adds to what is already kept. */
  bytes: number;
  /** Pages (4096 bytes) that this snapshot adds. */
  pages: number;
  /** How long the capture kept the program stopped, in µs. */
  pauseMicros: number;
  pinned: boolean;
  /** False where something could not be captured; `warnings` says what. */
  exact: boolean;
  warnings: SnapshotWarning[];
}

/** All snapshots of the session, and the one the process stands on or has run on from. */
export interface SnapshotList {
  snapshots: SnapshotInfo[];
  current: SnapshotId | null;
}

export interface Requests {
  'rollpoint/takeSnapshot': { args: { label?: string }; result: { snapshot: SnapshotInfo } };
  'rollpoint/listSnapshots': { args: Record<string, never>; result: SnapshotList };
  /** A `stopped` event follows: reason `goto`, description `Restored snapshot N`. */
  'rollpoint/restoreSnapshot': { args: { id: SnapshotId }; result: Record<string, never> };
  'rollpoint/updateSnapshot': {
    args: { id: SnapshotId; label?: string | null; pinned?: boolean };
    result: { snapshot: SnapshotInfo };
  };
  'rollpoint/deleteSnapshot': { args: { id: SnapshotId }; result: Record<string, never> };
}

export interface Events {
  'rollpoint/snapshotsChanged': SnapshotList;
}

export type RequestName = keyof Requests;

export type AutoSnapshot = 'breakpoints' | 'everyStop' | 'off';
export type FilePolicy = 'rewind' | 'keep';
export type ChildPolicy = 'include' | 'ignore';
export type ConsoleKind = 'internalConsole' | 'integratedTerminal' | 'externalTerminal';

export interface SnapshotSettings {
  /** Default `breakpoints`. */
  auto?: AutoSnapshot;
  /** A size such as `512MiB` or `1GiB`; default `1GiB`. */
  memoryLimit?: string;
  /** Default `rewind`. */
  files?: FilePolicy;
  /** Default `include`. */
  children?: ChildPolicy;
}

export interface CommonAttributes {
  /** Path of gdb; default: `gdb` on PATH. */
  gdb?: string;
  /** gdb commands run before the program is loaded, as in cpptools: text, or `{ text, description, ignoreFailures }`. */
  setupCommands?: (string | { text: string; description?: string; ignoreFailures?: boolean })[];
  snapshots?: SnapshotSettings;
  /** Writes the packets, MI records and core events to the debug console. */
  trace?: boolean;
}

export interface LaunchAttributes extends CommonAttributes {
  program: string;
  args?: string[];
  cwd?: string;
  /** Added to the adapter's environment; null removes a variable. */
  env?: Record<string, string | null>;
  stopOnEntry?: boolean;
  /**
   * Runs the program in a pid namespace of its own (for an ordinary user in a user namespace too): threads that have
   * ended come back with the ids that the program knows them by. Default false.
   */
  pidNamespace?: boolean;
  console?: ConsoleKind;
}

export interface AttachAttributes extends CommonAttributes {
  pid: number | string;
  program?: string;
}
