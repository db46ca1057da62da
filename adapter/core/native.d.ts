// The contract of the native addon: what crosses the N-API boundary, and nothing else.
// Addresses of the debuggee are bigint, sizes are number (bytes). Every method that returns a promise runs on the
// supervisor thread, in the order called; it rejects with a NativeError.

/** Error thrown by the addon. `code` is an errno name (`EPERM`) or one of the `RP_…` codes of native/src/util/error.h. */
export interface NativeError extends Error {
  code: string;
  /** What was being done: `PTRACE_SEIZE`, `execve`, `userfaultfd` … */
  operation?: string;
  /** Only from `rollback`: false when the process could not be brought back to the state before the attempt. */
  trusted?: boolean;
}

export type TrackerKind = 'userfaultfd' | 'compare';

/** What this kernel and this user can do; found out once, with a child process of the supervisor's own. */
export interface Capabilities {
  /** `6.18.0` */
  kernel: string;
  architecture: string;
  ptrace: boolean;
  /** Value of kernel.yama.ptrace_scope, or null where Yama is absent. */
  yamaScope: number | null;
  userfaultfd: boolean;
  pagemapScan: boolean;
  pidfdGetfd: boolean;
  /** clone3 with set_tid: CAP_CHECKPOINT_RESTORE. */
  setTid: boolean;
  tracker: TrackerKind;
  /** In words, one line per missing facility. */
  lacks: string[];
  /** XSAVE component number → offset and size in the NT_X86_XSTATE blob (bytes). CPUID leaf 0xD. */
  xstate: { component: number; offset: number; size: number }[];
  /** XCR0 as a bit set of components. */
  xcr0: bigint;
}

export type Stdio =
  /** The debuggee gets the adapter's own descriptors 0, 1, 2 (rollpoint-server). */
  | { kind: 'inherit' }
  /** A new session whose controlling terminal is `terminal`; stderr goes to `stderrTerminal` where given. Paths of ptys. */
  | { kind: 'terminal'; terminal: string; stderrTerminal?: string };

export interface LaunchOptions {
  /** Path of the program, or a name looked up on PATH. */
  program: string;
  /** Without argv[0]. */
  args: string[];
  /** argv[0]; default `program`. */
  argv0?: string;
  cwd?: string;
  /** `NAME=value`, the whole environment. */
  env: string[];
  stdio: Stdio;
  disableAslr: boolean;
  /**
   * The program runs in a pid namespace of its own (with a user namespace where the user is not privileged), so that
   * threads that have ended come back with the ids that it knows. Rejects RP_UNSUPPORTED where the kernel refuses.
   */
  pidNamespace?: boolean;
}

export interface ProcessInfo {
  pid: number;
  /** Absolute path of the running executable. */
  executable: string;
}

export interface ThreadInfo {
  tid: number;
  name: string;
  /** Processor it last ran on. */
  core: number;
}

export type ResumeKind = 'continue' | 'step' | 'range';

export interface ResumeAction {
  /** Thread, or -1 for every thread that no earlier action names. First match wins, as in vCont. */
  tid: number;
  kind: ResumeKind;
  /** Signal to deliver (Linux number), 0 for none. */
  signal: number;
  /** `range`: step while start <= pc < end. */
  start?: bigint;
  end?: bigint;
}

export type BreakpointKind = 'software' | 'hardware' | 'write' | 'read' | 'access';

export type StopReason = 'signal' | 'breakpoint' | 'hardwareBreakpoint' | 'watchpoint' | 'step' | 'interrupt' | 'exec' | 'exit' | 'revived' | 'followed';

/** Events come in order; `pid` is that of the start, also where the program has come back in another process; after `stopped` every thread is stopped until the next `resume`. */
export type NativeEvent =
  | {
      type: 'stopped';
      pid: number;
      tid: number;
      reason: StopReason;
      /** Linux signal number: 5 for breakpoints and steps, 0 for `interrupt` and `exit`. */
      signal: number;
      /** `watchpoint`: the data address, and which kind was hit. */
      address?: bigint;
      access?: 'write' | 'read' | 'access';
      /** `exec`: path of the new program. `followed`: of the process that is in focus now, where it runs another program. */
      executable?: string;
      /**
       * `exit`: the exit code with which the program is about to end by itself. All of its threads are still there, its
       * exit handlers have run; the next `resume` lets it end. See `holdAtExit`.
       */
      code?: number;
      /** `signal`: delivered, it ends the program (its action is the default, and that is fatal). */
      fatal?: boolean;
    }
  | { type: 'exited'; pid: number; code: number }
  | { type: 'killed'; pid: number; signal: number }
  /**
   * The program was killed (SIGKILL), and snapshot `id` of it stands, stopped, in a new process: `newPid`. The event comes
   * in place of `killed`. A `stopped` event with reason `revived` follows at once where the program ran, otherwise in
   * place of its next resume, unless a rollback comes before that.
   */
  | {
      type: 'revived';
      pid: number;
      newPid: number;
      id: number;
      /** As in RollbackResult. */
      tid: number;
      renamed: RollbackResult['renamed'];
      warnings: { kind: string; message: string }[];
    }
  /** Snapshots that went with an exec or with the process, in words for the log. */
  | { type: 'snapshotsLost'; ids: number[]; message: string }
  /**
   * Another process is in focus: threads, memory, registers and breakpoints are its own from here on. It comes before what
   * it explains: a stop with reason `followed` or `exec`, or the result of a rollback or of `follow`; or by itself, while
   * the program runs: a child goes on in the place of the thread that made it.
   */
  | {
      type: 'focus';
      pid: number;
      newPid: number;
      /** Its first thread, and the thread by whose name the debugger knows that, since it made the process. */
      tid: number;
      knownAs: number;
      /** The debugger has still to be shown this program in place of the one before. */
      executable?: string;
      /** A sentence for the user; empty where there is nothing to tell. */
      message: string;
    }
  | { type: 'log'; message: string };

export interface Registers {
  /** struct user_regs_struct: 27 × 8 bytes. */
  general: Uint8Array;
  /** NT_X86_XSTATE, standard (non-compacted) format. */
  xstate: Uint8Array;
}

export interface CaptureResult {
  id: number;
  /** The snapshot that the process stood on or had run on from. */
  parent: number | null;
  /** Bytes and pages that this snapshot adds to the page store. For the first: 0, its pages stay in the frozen twin. */
  bytes: number;
  pages: number;
  /**
   * µs between the begin and the end of the capture; threads were stopped throughout. The first snapshot's write
   * tracking is armed after it, while the program still stands (`settleMicros`).
   */
  pauseMicros: number;
  threads: number[];
  exact: boolean;
  warnings: { kind: string; message: string }[];
}

export interface RollbackResult {
  micros: number;
  pagesWritten: number;
  /** Thread that was given to `capture`, when it exists, else the leader. */
  tid: number;
  /** Threads that had to be made anew in a pid namespace: known to us by another id from now on, to themselves by the same. */
  renamed: { from: number; to: number }[];
  warnings: { kind: string; message: string }[];
}

export interface StoreStats {
  snapshots: number;
  /** Pages held once each, and their bytes. */
  pages: number;
  bytes: number;
  /** Pages that the frozen twin alone keeps alive (estimate), bytes. */
  twinBytes: number;
  /** µs that completing the first snapshot took after its capture; it is done before the program runs again. */
  settleMicros: number;
}

/** One difference found by `verify`. */
export interface Difference {
  what: 'memory' | 'registers' | 'xstate' | 'threads' | 'layout' | 'signalMask' | 'descriptors' | 'state' | 'files';
  message: string;
}

export interface SupervisorOptions {
  /** Default: the best that the kernel has. Naming one that the kernel lacks throws. */
  tracker?: TrackerKind;
  /**
   * `include` (default): processes that the debuggee starts are traced, stopped with it, captured and rolled back with it,
   * and killed with it. `ignore`: they are let go at birth and stay as they are.
   */
  children?: 'include' | 'ignore';
}

/** A mapping that is not the same in two snapshots; addresses in bytes. */
export interface RegionDifference {
  start: bigint;
  end: bigint;
  /** As in /proc/PID/maps; empty for memory without a name. */
  name: string;
  change: 'added' | 'removed' | 'protection' | 'changed';
  /** Rights (`rw-p`); null where it was not there. */
  from: string | null;
  to: string | null;
  changedBytes: number;
  changedPages: number;
  /** Bytes, ascending, close ones joined; at most 256. */
  ranges: { start: bigint; end: bigint }[];
  /** There are more. */
  truncated: boolean;
}

export interface Differences {
  regions: RegionDifference[];
  /** In words; null where it was not open. */
  descriptors: { descriptor: number; from: string | null; to: string | null }[];
  /** Whether the file was and is there, and its bytes where they are known. */
  files: { path: string; was: boolean; is: boolean; from: number | null; to: number | null }[];
}

/** One debuggee under ptrace. Ends its thread with `dispose`; a debuggee that still lives is killed (launched) or detached (attached). */
export interface Supervisor {
  launch(options: LaunchOptions): Promise<ProcessInfo>;
  attach(pid: number): Promise<ProcessInfo>;
  /** Leaves the debuggee running with nothing of ours inside it. */
  detach(): Promise<void>;
  /** SIGKILL, and waits until it is gone; a `killed` event follows. */
  kill(): Promise<void>;
  dispose(): Promise<void>;

  threads(): Promise<ThreadInfo[]>;
  /** Resolves when the threads run; the next stop comes as an event. Rejects RP_NOT_STOPPED. */
  resume(actions: ResumeAction[]): Promise<void>;
  /** Asks a running debuggee to stop: a `stopped` event with reason `interrupt`. Nothing when it is stopped. */
  interrupt(): Promise<void>;
  /**
   * Whether a program that ends by itself (exit, or the return from main) is stopped just before it does, while there are
   * snapshots: a `stopped` event with reason `exit`. Off at first; may be switched while the program runs.
   */
  holdAtExit(on: boolean): Promise<void>;
  /** Whether each process that the one in focus starts comes into focus itself: at its birth, after a vfork at its exec. */
  followChildren(on: boolean): Promise<void>;
  /** The stopped program's process `pid` comes into focus: a `focus` event. */
  follow(pid: number): Promise<void>;

  /** May return fewer bytes than asked for where the mapping ends; rejects EFAULT when none could be read. */
  readMemory(address: bigint, length: number): Promise<Uint8Array>;
  /**
   * The same at once, where it can be: the process is stopped, nothing that was asked for before is still to be done, at
   * most 16 KiB. Else undefined, also where nothing can be read. The bytes are those of this moment.
   */
  readMemoryNow(address: bigint, length: number): Uint8Array | undefined;
  writeMemory(address: bigint, data: Uint8Array): Promise<void>;
  readRegisters(tid: number): Promise<Registers>;
  writeRegisters(tid: number, registers: Partial<Registers>): Promise<void>;
  /** Inserted while the debuggee runs only; memory reads never show it. Same kind, address and length twice counts once. */
  insertBreakpoint(kind: BreakpointKind, address: bigint, length: number): Promise<void>;
  removeBreakpoint(kind: BreakpointKind, address: bigint, length: number): Promise<void>;
  /** struct siginfo of the thread's stop: 128 bytes; rejects when it has none. */
  readSiginfo(tid: number): Promise<Uint8Array>;
  /** Auxiliary vector as in /proc/PID/auxv. */
  readAuxv(): Promise<Uint8Array>;

  /** Captures the stopped debuggee. `tid` is remembered as its current thread. */
  /** `fileLimit`: bytes of file contents kept at most, by all snapshots together; default 512 MiB. */
  capture(options: { tid: number; files: 'rewind' | 'keep'; fileLimit?: number }): Promise<CaptureResult>;
  /** Rolls the stopped debuggee back, in place. On failure returns to the state before or rejects with trusted: false. */
  rollback(id: number): Promise<RollbackResult>;
  /**
   * What a rollback to `id` would not bring back, as far as that can be told before it; changes nothing. Kind `refused`:
   * there would be no rollback, and why. What the snapshot itself does not hold was told when it was captured.
   */
  checkRollback(id: number): Promise<{ kind: string; message: string }[]>;
  /** In sentences, what has passed out of the program since snapshot `id`, over connections and pipes: a rollback cannot take it back. */
  passedOutside(id: number): Promise<string[]>;
  /** Memory of a deleted snapshot that no other needs is freed. Its children hang under its parent. */
  deleteSnapshot(id: number): Promise<void>;
  /** Bytes that would be freed by deleting each snapshot alone are not known; this is the whole. */
  stats(): Promise<StoreStats>;
  /** Reads the process anew and compares all of it with the snapshot. Empty: equal. */
  verify(id: number): Promise<Difference[]>;

  /** Looks at snapshots of the stopped debuggee; nothing is written to it, and nothing runs. `tid`: as RollbackResult. */
  peekThreads(id: number): Promise<{ tid: number; threads: { tid: number; name: string }[] }>;
  /** As a rollback would set them. Rejects RP_NO_PROCESS when the snapshot has no such thread. */
  peekRegisters(id: number, tid: number): Promise<Registers>;
  /** As `readMemory` after a rollback. */
  peekMemory(id: number, address: bigint, length: number): Promise<Uint8Array>;
  compare(from: number, to: number): Promise<Differences>;
}

export interface Addon {
  probe(): Capabilities;
  /** `onEvent` is called on the JavaScript thread. */
  createSupervisor(options: SupervisorOptions, onEvent: (event: NativeEvent) => void): Supervisor;
  /** A new pty pair; the caller owns `master` (non-blocking, close-on-exec). */
  openPty(rows: number, columns: number): { master: number; path: string };
  resizePty(master: number, rows: number, columns: number): void;
}
