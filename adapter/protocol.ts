// The one contract between the debug adapter and whoever talks to it: custom requests, the event, launch attributes.
// Types and names only; must not import anything from the adapter or from VS Code.

/** Identifies a snapshot for the life of a session: 1, 2, 3 … in the order taken; never reused. */
export type SnapshotId = number;

/** The whole message with which a request fails that was cancelled. */
export const cancelledMessage = 'Cancelled.';

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

export interface RestoreCheck {
  /** Nothing is known that a restore would not bring back. */
  exact: boolean;
  warnings: SnapshotWarning[];
}

/** All snapshots of the session, and the one the process stands on or has run on from. */
export interface SnapshotList {
  snapshots: SnapshotInfo[];
  current: SnapshotId | null;
  /** The snapshot that is being looked at while the process stays where it is; null: the present is on screen. */
  peeking: SnapshotId | null;
}

/** A moment of the session: a snapshot, or null for the present, where the process stands. */
export type Moment = SnapshotId | null;

/** A typed value that differs between two moments. */
export interface VariableChange {
  /**
   * `local`: of a frame that both moments have (same thread, same function, same place in the stack), and in scope in
   * both; where they stopped in two threads, of the functions that both of these were in, too. `global`: a variable of the program with static storage. `watch`: an expression of the request.
   */
  scope: 'local' | 'global' | 'watch';
  /** As a user writes it: `count`, `warehouse.orders`. */
  name: string;
  /** `local`: DAP thread id and function of the frame; a thread that has ended may have no such id. */
  threadId?: number;
  function?: string;
  /** `local`: the kernel's id of the thread. */
  tid?: number;
  /** `local`: the thread of `from`, where it is another one. */
  fromThreadId?: number;
  fromTid?: number;
  /** As gdb shows it; null where it cannot be told (not there then, or optimised out). */
  type: string | null;
  /** Values as gdb shows them, containers as their summary; null where the variable was not there. */
  from: string | null;
  to: string | null;
}

/** A mapping of which something differs. Addresses are `0x…`, `end` is the first one beyond. */
export interface RegionChange {
  start: string;
  end: string;
  /** A path, `[heap]`, `[stack]`, or empty for memory without a name. */
  name: string;
  /** `added` and `removed`: the mapping itself; `protection`: only its rights; `changed`: bytes differ. */
  change: 'added' | 'removed' | 'protection' | 'changed';
  /** Rights as in /proc/PID/maps (`rw-p`); null where the mapping was not there. */
  protection: { from: string | null; to: string | null };
  /** `changed`: how many bytes differ; where `truncated`, in the pages that were looked at. */
  changedBytes: number;
  /** `changed`: pages (4096 bytes) with other contents. */
  changedPages: number;
  /** `changed`: which bytes, in ascending order; close ones are joined. At most 256 for each region. */
  ranges: { address: string; length: number }[];
  /** There are more ranges than told. */
  truncated: boolean;
}

export interface ThreadChange {
  /** The kernel's id, as the debugger shows it. */
  tid: number;
  name: string;
  /** `moved`: there at both moments, at another place. */
  change: 'added' | 'removed' | 'moved';
  /** Where its innermost frame was; null where the thread was not there. */
  from: SnapshotLocation | null;
  to: SnapshotLocation | null;
}

export interface DescriptorChange {
  descriptor: number;
  change: 'opened' | 'closed' | 'changed';
  /** What it refers to and how, in words: `/tmp/log, writing, at byte 120`; null where it was not open. */
  from: string | null;
  to: string | null;
}

export interface FileChange {
  path: string;
  change: 'created' | 'removed' | 'changed';
  /** Bytes; null where it was not there, or nobody knows. */
  from: number | null;
  to: number | null;
}

/** A variable, or any expression that can be assigned to, and what it is to be: an expression too. */
export interface Assignment {
  expression: string;
  value: string;
}

export interface Comparison {
  variables: VariableChange[];
  regions: RegionChange[];
  threads: ThreadChange[];
  descriptors: DescriptorChange[];
  files: FileChange[];
}

/** What an expression was worth at one snapshot. */
export interface HistoryPoint {
  id: SnapshotId;
  /** As gdb shows it; null where it could not be evaluated, and `message` says why. */
  value: string | null;
  type: string | null;
  /** It differs from the point before; false for the first. */
  changed: boolean;
  /** DAP id of the thread in whose frame it was evaluated; one that has ended may have none. */
  threadId?: number;
  /** The kernel's id of that thread. */
  tid?: number;
  message?: string;
}

export interface Requests {
  'rollpoint/takeSnapshot': { args: { label?: string }; result: { snapshot: SnapshotInfo } };
  'rollpoint/listSnapshots': { args: Record<string, never>; result: SnapshotList };
  /** A `stopped` event follows: reason `goto`, description `Restored snapshot N`. */
  'rollpoint/restoreSnapshot': { args: { id: SnapshotId }; result: Record<string, never> };
  /**
   * What a restore of `id` would not bring back, for a question to the user before it; changes nothing. `warnings`: what
   * the snapshot itself does not hold, and what cannot be undone as the program stands now (bytes that have gone to others,
   * files that somebody else has changed, privileges given up …). Kind `refused`: the restore would be refused, and why.
   */
  'rollpoint/checkRestore': { args: { id: SnapshotId }; result: RestoreCheck };
  /** The answer to the event `rollpoint/confirmRestore`; one to what is no longer asked is ignored. */
  'rollpoint/answerRestore': { args: { question: number; restore: boolean }; result: Record<string, never> };
  'rollpoint/updateSnapshot': {
    args: { id: SnapshotId; label?: string | null; pinned?: boolean };
    result: { snapshot: SnapshotInfo };
  };
  'rollpoint/deleteSnapshot': { args: { id: SnapshotId }; result: Record<string, never> };
  /**
   * Shows a snapshot in place of the present; the process stays as it is. `null` returns to the present. A `stopped`
   * event follows: reason `goto`, description `Viewing snapshot N` or `Back in the present`. Whatever runs or changes the
   * program while a snapshot is shown (continue, steps, setVariable, setExpression, writeMemory) restores that snapshot first.
   */
  'rollpoint/peekSnapshot': { args: { id: Moment }; result: Record<string, never> };
  /**
   * What differs between two moments; `watches` are expressions to be compared too, in the frame that `frameId` means.
   * Runs nothing.
   */
  'rollpoint/compareSnapshots': { args: { from: Moment; to: Moment; watches?: string[]; frameId?: number }; result: Comparison };
  /**
   * What if: keeps the present as a snapshot (`left`), restores `id`, makes the assignments there, and lets the program
   * run: to the next breakpoint (the default), to its end, past all breakpoints, or not at all. Answers as soon as it
   * runs; a `stopped` event follows. The assignments are looked at first, and where one cannot be made the program is where it
   * was. They are meant in the frame `frameId` as found at the snapshot; without it, in the innermost frame that knows them.
   */
  'rollpoint/branchWith': {
    args: { id: SnapshotId; assignments: Assignment[]; until?: 'breakpoint' | 'end' | 'stay'; frameId?: number };
    result: { left: SnapshotId };
  };
  /**
   * Memory as it was, for a view of bytes: `data` is base64 and ends where memory ends, as in DAP's `readMemory`.
   * `address` as `0x…` or decimal; at most 1 MiB.
   */
  'rollpoint/readSnapshotMemory': {
    args: { id: Moment; address: string; count: number };
    result: { address: string; data: string; unreadableBytes?: number };
  };
  /**
   * An expression at every snapshot of the branch from `from` (default: its root) to `to` (default: the one shown, else
   * `current`), oldest first. Runs nothing. With `frameId` (or `threadId`) the expression is one of that frame, which is
   * found again at each snapshot by its thread and function: where that thread is not in it, another one that is will do.
   */
  'rollpoint/valueHistory': {
    args: { expression: string; from?: SnapshotId; to?: SnapshotId; frameId?: number; threadId?: number };
    result: { points: HistoryPoint[] };
  };
  /**
   * Finds two neighbours of the branch from `good`, an earlier snapshot, to `bad`: at `before` the expression has the value
   * that it has at `good`, at `after` it has not. Then restores `before`, runs to the place of that change, and stops there; a `stopped` event
   * follows. Sends progress events; DAP's `cancel` (by progress or request id) ends it, with the process where it was: it fails
   * with `cancelledMessage`. `progressId`: of these events, for who wants to know it beforehand; no other request's.
   */
  'rollpoint/findChange': {
    args: { expression: string; good: SnapshotId; bad: SnapshotId; frameId?: number; threadId?: number; progressId?: string };
    result: { before: SnapshotId; after: SnapshotId; location: SnapshotLocation | null };
  };
}

/** Something that became of snapshots without being asked for; the debug console has the same line. */
export interface SnapshotNotice {
  /** `evicted`: for want of memory; `skipped`: an automatic one was not taken. */
  kind: 'evicted' | 'skipped';
  message: string;
}

/**
 * Only for a client that was launched or attached with `confirmRestore`. A request of its is about to restore snapshot
 * `id`, which would not bring everything back, and waits for `rollpoint/answerRestore`. A later question withdraws this one.
 */
export interface RestoreQuestion {
  question: number;
  id: SnapshotId;
  warnings: SnapshotWarning[];
}

export interface Events {
  'rollpoint/confirmRestore': RestoreQuestion;
  'rollpoint/snapshotsChanged': SnapshotList;
  'rollpoint/snapshotNotice': SnapshotNotice;
}

export type RequestName = keyof Requests;

export type AutoSnapshot = 'breakpoints' | 'everyStop' | 'off';
export type FilePolicy = 'rewind' | 'keep';
export type ChildPolicy = 'include' | 'ignore';
export type FollowPolicy = 'parent' | 'child';
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
  /** Which process the debugger shows when the program starts another; default `parent`. */
  followFork?: FollowPolicy;
  /**
   * The client answers the event `rollpoint/confirmRestore`, which comes before a restore that would not bring everything
   * back, whatever leads to it: `stepBack`, `reverseContinue`, what runs or changes the program while a snapshot is shown,
   * `rollpoint/findChange`, `rollpoint/branchWith`. Not before `rollpoint/restoreSnapshot`: that is for `rollpoint/checkRestore`. Default false.
   */
  confirmRestore?: boolean;
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
