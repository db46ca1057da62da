// What a session needs from the rest of the adapter, each as narrow as it goes; main.ts supplies it.
// Types only.
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Ptys } from './debuggeeConsole';
import type { ChildPolicy, SnapshotId } from './protocol';
import type { SnapshotCore } from './snapshots/interfaces';

export interface DebuggeeOptions {
  program: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  pidNamespace: boolean;
}

/** Paths of the ptys that the debuggee gets. */
export type Terminals = { kind: 'terminal'; terminal: string; stderrTerminal?: string };

export type DebuggeeEnd = { exitCode: number } | { signal: number };

export interface ThreadAt {
  tid: number;
  name: string;
  pc: bigint;
  sp: bigint;
}

/** What differs between two snapshots, as the core finds it: see core/native. */
export interface CoreDifferences {
  regions: {
    start: bigint;
    end: bigint;
    name: string;
    change: 'added' | 'removed' | 'protection' | 'changed';
    from: string | null;
    to: string | null;
    changedBytes: number;
    changedPages: number;
    ranges: { start: bigint; end: bigint }[];
    truncated: boolean;
  }[];
  descriptors: { descriptor: number; from: string | null; to: string | null }[];
  files: { path: string; was: boolean; is: boolean; from: number | null; to: number | null }[];
}

/** The process under debugging, held by the core and served to gdb. */
export interface DebuggeeHost {
  readonly snapshots: SnapshotCore;
  /** How the program will end when it goes on from this stop; undefined where it does not stand before its end. */
  readonly ending: DebuggeeEnd | undefined;
  /** From now on the program ends without a stop before it. */
  letEnd(): Promise<void>;
  /** Starts the program, stopped at its first instruction. Rejects with the core's error. */
  launch(options: DebuggeeOptions): Promise<{ pid: number; executable: string }>;
  attach(pid: number): Promise<{ pid: number; executable: string }>;
  /** Path of the unix socket where gdb finds it; `connected` removes the socket again. */
  serve(): Promise<{ socket: string; connected(): Promise<void> }>;
  /** Whether gdb waits for an answer of ours, and how much it has asked so far. */
  readonly traffic: { idle: boolean; packets: number };
  /** The debuggee stands: an interrupt that gdb has asked for until now is not for its next run. */
  forgetInterrupt(): void;
  /** The next resume that gdb asks for rolls the process back instead; settles when that is done. */
  armRestore(id: SnapshotId): Promise<void>;
  /** gdb did not resume after all. */
  disarmRestore(): void;
  /** The next resume that gdb asks for shows the snapshot instead, or the present (null); settles when it does. */
  armView(id: SnapshotId | null): Promise<void>;
  /** What gdb reads from here on is of this moment; it does not learn of that. */
  show(id: SnapshotId | null): Promise<void>;
  /** The threads that a snapshot holds, by the kernel's ids. */
  threadsOf(id: SnapshotId): readonly number[];
  /** The one that it was taken for. */
  stoppedThread(id: SnapshotId): number | undefined;
  threadsAt(id: SnapshotId): Promise<ThreadAt[]>;
  compare(from: SnapshotId, to: SnapshotId): Promise<CoreDifferences>;
  /** The process is rolled back to the snapshot that is shown; gdb need not learn of it. */
  enterView(): Promise<void>;
  /** Memory of a snapshot, or of the process; fewer bytes than asked for where it ends. */
  readMemory(id: SnapshotId | null, address: bigint, length: number): Promise<Uint8Array>;
  /** The last restore has failed half-way. */
  readonly broken: boolean;
  /** Whether the debugger goes with each process that the one it shows starts. Rejects where those are not held. */
  followChildren(on: boolean): Promise<void>;
  /** The last stop is that of a change of the process that is shown, asked for by the user. */
  readonly focused: boolean;
  detach(): Promise<void>;
  kill(): Promise<void>;
  /** Ends all that `launch`, `attach` and `serve` began. */
  dispose(): Promise<void>;
}

export interface HostListener {
  /** The process is gone, by itself or from outside. */
  ended(end: DebuggeeEnd): void;
  /** gdb is about to run or change what is shown in place of the process, which is to go there first. */
  acting(): Promise<void>;
  /** What a restore could not bring back, or which process the debugger shows now; for the user. */
  warning(message: string): void;
  /** Memory or registers were changed by the user's doing. */
  edited(): void;
  snapshotsLost(ids: readonly SnapshotId[], message: string): void;
  /** The program was killed and stands at snapshot `id` in a new process; gdb learns of it by the stop of a restore. */
  revived(id: SnapshotId, newPid: number): void;
  trace(line: string): void;
}

export interface SessionParts {
  version: string;
  ptys: Ptys;
  /** Command that starts this adapter. */
  adapterCommand: string[];
  /** For the first line of the log. Throws UserError when this machine cannot debug at all. */
  describeMachine(gdb: string): string;
  createHost(listener: HostListener, stdio: Terminals | undefined, children: ChildPolicy): DebuggeeHost;
}

/** Messages to the client. */
export interface Client {
  send(event: DebugProtocol.Event): void;
  output(category: 'console' | 'stdout' | 'stderr' | 'important', text: string): void;
  /** Undefined while the client reads as fast as we write. */
  caughtUp(): Promise<void> | undefined;
  /** Of work that takes its time. */
  wantsProgress: boolean;
  /** It reads memory that it shows anew when it is told to. */
  wantsMemoryEvents: boolean;
  runInTerminal: ((args: DebugProtocol.RunInTerminalRequestArguments) => Promise<void>) | undefined;
}

/** Answers one request: the body of the response. `id`: of the request, by which a client may cancel it. */
export type Handler = (args: never, id: number) => Promise<object | void> | object | void;
export type Handlers = Record<string, Handler>;
