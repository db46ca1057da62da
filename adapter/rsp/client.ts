// State of one client (one gdb) and what every packet handler gets: target, settings, current thread, the reply tools.
// Knows no packet in particular and no socket.
import { PacketError, textToHex } from './encoding';
import { registerSet, type RegisterSpec } from './registers';
import type { Target, TargetProcess, TargetStop } from './target';
import { ALL, ANY, formatThreadId, parseThreadId } from './threadId';

/** Packets that a test of gdb can switch off; `T` stands for stop replies with more than a signal, `Tthread` for threads in them. */
export const disabledPacketNames = ['vCont', 'T', 'Tthread', 'qC', 'qfThreadInfo'] as const;
export type DisabledPacket = (typeof disabledPacketNames)[number];

/** What outlives a connection: how the next program is started, and what the server was asked to be. */
export interface ServerSettings {
  /** The program of the command line or of the last vRun; null in a server started without one. */
  program: string | null;
  args: string[];
  environment: Map<string, string>;
  cwd: string | null;
  disableAslr: boolean;
  shell: boolean;
  /** A program that starts the program (`--wrapper`). */
  wrapper: string[];
  /** Our own stdin and stdout carry the protocol: the program gets /dev/null and our stderr. */
  detachedStdio: boolean;
  /** True from the `!` packet on: the server waits without a program instead of ending. */
  extended: boolean;
  disabledPackets: ReadonlySet<DisabledPacket>;
  debug: boolean;
  tracePackets: boolean;
}

export function defaultSettings(environment: NodeJS.ProcessEnv): ServerSettings {
  const entries = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    program: null,
    args: [],
    environment: new Map(entries),
    cwd: null,
    disableAslr: true,
    shell: false,
    wrapper: [],
    detachedStdio: false,
    extended: false,
    disabledPackets: new Set(),
    debug: false,
    tracePackets: false,
  };
}

/** Where messages for the person at the server go. */
export interface ServerLog {
  /** What gdbserver prints on its stderr: `Process … created`, `Child exited …`. */
  notice(message: string): void;
  trace(message: string): void;
}

export interface ClientHost {
  /** Sends a packet that is no reply (console output). */
  send(payload: string): void;
  /** Acknowledgements end with the reply to the packet being handled. */
  endAcknowledgements(): void;
  /** Closes the connection once the reply is out; `endServer` also ends the server. */
  close(endServer: boolean): void;
}

export class Client {
  registers: readonly RegisterSpec[];
  multiprocess = false;
  swbreak = false;
  hwbreak = false;
  execEvents = false;
  noResumed = false;
  /** Threads set by `Hg` and `Hc`: a tid, `ALL` or `ANY`. */
  generalThread = ANY;
  continueThread = ALL;
  /** Linux numbers of signals that go to the program without a stop. */
  readonly passSignals = new Set<number>();
  /** Documents and lists being read piece by piece. */
  readonly transfers = new Map<string, Buffer>();
  running = false;
  /** Fatal for the thread's program, and not wanted as a stop: to be delivered when the thread goes on. */
  owedSignal: { tid: number; signal: number } | null = null;
  /** An interrupt that no stop has answered yet. */
  interruptRequested = false;
  private readonly closing: (() => void)[] = [];
  private closed = false;

  constructor(
    readonly target: Target,
    readonly settings: ServerSettings,
    readonly log: ServerLog,
    readonly host: ClientHost,
  ) {
    this.registers = registerSet(target.features);
  }

  /** Throws when there is no process: the packet makes sense for a live one only. */
  get process(): TargetProcess {
    const { process } = this.target;
    if (!process) throw new PacketError('no process', 1);
    return process;
  }

  stoppedThread(): number {
    const stop = this.target.lastStop;
    return stop?.state === 'stopped' ? stop.tid : this.process.pid;
  }

  /** The thread that `g`, `m` and the like are about. */
  currentThread(): number {
    return this.generalThread > 0 ? this.generalThread : this.stoppedThread();
  }

  threadName(tid: number): string {
    return formatThreadId(this.process.pid, tid, this.multiprocess);
  }

  /** A tid, `ALL` or `ANY`; throws when another process is named. */
  parseThread(text: string): number {
    const id = parseThreadId(text);
    if (id.pid !== null && id.pid > 0 && id.pid !== this.target.process?.pid) throw new PacketError('no such process');
    return id.tid;
  }

  /** Text for gdb's console; allowed while the program runs and within `qRcmd`. */
  output(text: string): void {
    if (text !== '') this.host.send('O' + textToHex(text));
  }

  /** A new process: thread choices and what was being read of the old one are void. */
  forgetProcess(): void {
    this.generalThread = ANY;
    this.continueThread = ALL;
    this.interruptRequested = false;
    this.owedSignal = null;
    this.transfers.clear();
  }

  /** Resolves at the next stop or end, or with null when the connection goes first. */
  nextStop(): Promise<TargetStop | null> {
    return new Promise((resolve) => {
      if (this.closed) return resolve(null);
      const unsubscribe = this.target.onStop((stop) => {
        unsubscribe();
        resolve(stop);
      });
      this.closing.push(() => {
        unsubscribe();
        resolve(null);
      });
    });
  }

  interrupt(): void {
    // Between two steps the client does not know that nothing runs: the next resume ends at once.
    this.interruptRequested = this.target.process !== null;
    if (!this.running) return;
    this.target.interrupt().catch((error: unknown) => this.log.trace(`interrupt: ${String(error)}`));
  }

  dispose(): void {
    this.closed = true;
    for (const close of this.closing.splice(0)) close();
  }
}

/** Answers one packet: a payload, '' for "not supported", null for no reply at all. */
export type Handler = (client: Client, args: string) => string | null | Promise<string | null>;
export type HandlerTable = Readonly<Record<string, Handler>>;
