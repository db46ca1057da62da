// What the protocol server needs from the thing that it serves: memory, registers, threads, run control, snapshots.
// Knows no packets and no implementation: a live process (core/coreTarget) or a snapshot (core/peekTarget) stands behind it.

/** Registers of one thread as the kernel gives them. */
export interface ThreadRegisters {
  /** struct user_regs_struct: 27 × 8 bytes. */
  general: Uint8Array;
  /** NT_X86_XSTATE, standard (non-compacted) format. */
  xstate: Uint8Array;
}

export interface TargetThread {
  tid: number;
  name: string;
  /** Processor it last ran on; a snapshot does not tell. */
  core?: number;
}

/** Which register sets exist and where each lies in `ThreadRegisters.xstate` (bytes). */
export interface RegisterFeatures {
  /** XCR0 as a bit set of components. */
  xcr0: bigint;
  xstate: readonly { component: number; offset: number; size: number }[];
}

export interface TargetProcess {
  pid: number;
  /** Absolute path of the running executable. */
  executable: string;
  /** True when the process was there before us: it is detached, not killed, at the end. */
  attached: boolean;
}

export interface RunOptions {
  program: string;
  args: string[];
  cwd?: string;
  /** `NAME=value`, the whole environment. */
  env: string[];
  disableAslr: boolean;
  /** Start through a shell, as gdbserver does; it has made way for the program when `run` resolves. */
  shell: boolean;
  /** A program and its arguments that start the program by an exec of their own; empty for none. */
  wrapper: readonly string[];
  /** The program gets /dev/null to read and our stderr to write: our own stdin and stdout carry the protocol. */
  detachedStdio: boolean;
  /** In a pid namespace of its own: threads that have ended come back with their ids without privilege. */
  pidNamespace?: boolean;
}

export type StopCause =
  /** The program waits at its first instruction. */
  | { kind: 'entry' }
  | { kind: 'attached' }
  /** `fatal`: delivered, it ends the program. */
  | { kind: 'signal'; signal: number; fatal: boolean }
  | { kind: 'breakpoint' }
  | { kind: 'hardwareBreakpoint' }
  | { kind: 'watchpoint'; address: bigint; access: 'write' | 'read' | 'access' }
  | { kind: 'step' }
  | { kind: 'interrupt' }
  | { kind: 'exec'; executable: string }
  /** The program is about to end by itself with this exit code; the next resume lets it. */
  | { kind: 'exit'; code: number }
  /** A signal that the debugger does not want to hear of, but that ends the program; the next resume delivers it. */
  | { kind: 'ending'; signal: number }
  /** Every thread that the last resume named is gone; others are still stopped. */
  | { kind: 'noResumed' }
  /** Another process is in focus, running this program where that is not the one of before; the debugger goes on by itself. */
  | { kind: 'followed'; executable: string | null }
  /** The resume was not a run: another process has come into focus. */
  | { kind: 'focused' }
  /** The resume was not a run: the process was rolled back to this snapshot. */
  | { kind: 'restored'; snapshot: number }
  /**
   * The resume was not a run either: what is read from here on is of this snapshot, or of the present again (null), where
   * the thread has still to get `signal`; 0 for none.
   */
  | { kind: 'viewed'; snapshot: number | null; signal: number };

export type TargetStop =
  | { state: 'stopped'; pid: number; tid: number; cause: StopCause }
  | { state: 'exited'; pid: number; code: number }
  | { state: 'killed'; pid: number; signal: number };

export interface TargetResume {
  /** Thread, or -1 for every thread that no earlier action names. */
  tid: number;
  kind: 'continue' | 'step' | 'range';
  /** Linux signal number to deliver, 0 for none. */
  signal: number;
  /** `range`: step while start <= pc < end. */
  start?: bigint;
  end?: bigint;
}

export type BreakpointType = 'software' | 'hardware' | 'write' | 'read' | 'access';

/** One line of the snapshot list, as the monitor commands show it. */
export interface SnapshotLine {
  id: number;
  parent: number | null;
  label: string | null;
  /** Milliseconds since the epoch. */
  createdAt: number;
  /** Bytes that it adds to what is kept. */
  bytes: number;
  pauseMicros: number;
  warnings: readonly { message: string }[];
}

/** The snapshots as seen from gdb: `monitor snapshot`, `monitor restore`, reverse-continue. */
export interface SnapshotCommands {
  take(tid: number, label: string | null): Promise<SnapshotLine>;
  /** `current` is the one that the process stands on or has moved on from; `moved` tells which of the two. */
  list(): { snapshots: readonly SnapshotLine[]; current: number | null; moved: boolean };
  remove(id: number): Promise<void>;
  /** The next `resume` rolls back to the snapshot instead; what the present holds is kept in a snapshot first. */
  restoreAtResume(id: number, tid: number): Promise<void>;
  /** The next `resume` shows the snapshot (null: the present) instead, and the process stays as it is. */
  peekAtResume(id: number | null): Promise<void>;
}

/** Which process of the program the debugger shows. */
export interface FocusCommands {
  /** Throws where processes that the program starts are not held. */
  followChildren(on: boolean): Promise<void>;
  /** The next `resume` brings this process into focus instead of running. */
  focusAtResume(pid: number): void;
}

export interface Target {
  readonly features: RegisterFeatures;
  readonly process: TargetProcess | null;
  /** How the process last stopped or ended; null while it runs and before the first. */
  readonly lastStop: TargetStop | null;
  /** The process was killed after `lastStop`, and a snapshot stands in a new one: the next `resume` runs nothing and tells it. */
  readonly replaced: boolean;
  /** For a process that has just died: resolves when it has ended for good or been replaced. */
  fate(): Promise<void>;
  readonly snapshots: SnapshotCommands | null;
  readonly focus: FocusCommands;
  /** The next `resume` does not run: it rolls back to a snapshot, or shows one. */
  readonly armed: boolean;
  /** The snapshot that is shown in place of the process; null for the process itself. What runs or writes goes back to it first. */
  readonly viewing: number | null;
  /** A stop before the end of the program is wanted, since there are snapshots to go back to. */
  readonly holdsEnd: boolean;
  /**
   * What is read from here on is of this snapshot, or of the process (null); whoever reads has to forget what it knows.
   * `lent`: the thread whose registers all threads have meanwhile, for who cannot ask for it: it has ended since.
   */
  show(id: number | null, lent?: number | null): Promise<void>;
  /** Every stop and end, after a `resume` as well as out of turn (killed from outside). Returns the way to unsubscribe. */
  onStop(listener: (stop: TargetStop) => void): () => void;

  run(options: RunOptions): Promise<TargetStop>;
  attach(pid: number): Promise<TargetStop>;
  detach(): Promise<void>;
  kill(): Promise<void>;

  threads(): Promise<TargetThread[]>;
  /** Resolves when the threads run; the stop comes to the listeners. */
  resume(actions: TargetResume[]): Promise<void>;
  interrupt(): Promise<void>;

  /** Fewer bytes than asked for where the mapping ends; rejects when none could be read. */
  readMemory(address: bigint, length: number): Promise<Uint8Array>;
  writeMemory(address: bigint, data: Uint8Array): Promise<void>;
  readRegisters(tid: number): Promise<ThreadRegisters>;
  writeRegisters(tid: number, registers: Partial<ThreadRegisters>): Promise<void>;
  insertBreakpoint(type: BreakpointType, address: bigint, length: number): Promise<void>;
  removeBreakpoint(type: BreakpointType, address: bigint, length: number): Promise<void>;
  /** struct siginfo of the thread's last signal: 128 bytes. */
  readSiginfo(tid: number): Promise<Uint8Array>;
  readAuxv(): Promise<Uint8Array>;
}
