// The live process as the protocol server sees it: implements rsp/target on the core, and carries out armed restores.
// Knows no packets; what the list of snapshots looks like belongs to whoever supplies the snapshot commands.
import type {
  BreakpointType,
  FocusCommands,
  RunOptions,
  SnapshotCommands,
  StopCause,
  Target,
  TargetProcess,
  TargetResume,
  TargetStop,
  TargetThread,
  ThreadRegisters,
} from '../rsp/target';
import { ALL, ANY } from '../rsp/threadId';
import { UserError } from '../errors';
import type { Core, ProcessEvent } from './core';
import { InsertedBreakpoints } from './insertedBreakpoints';
import { explainStart, shellCommand, StartupExit } from './start';
import type { RollbackResult, Stdio } from './native';
import { StopCache } from './stopCache';

export interface RestoreOutcome {
  id: number;
  result: RollbackResult;
}

interface ArmedRestore {
  id: number;
  /** Runs with the process still in the present, before anything moves; null once it has run. */
  before: (() => Promise<void>) | null;
  done: (outcome: RestoreOutcome) => void;
  failed: (error: unknown) => void;
}

export class CoreTarget implements Target, FocusCommands {
  snapshots: SnapshotCommands | null = null;
  lastStop: TargetStop | null = null;
  process: TargetProcess | null = null;
  private readonly listeners = new Set<(stop: TargetStop) => void>();
  private readonly cache: StopCache;
  private readonly breakpoints: InsertedBreakpoints;
  private restoring: ArmedRestore | null = null;
  readonly viewing = null;
  /** The process that the next resume brings into focus. */
  private armedFocus: number | null = null;
  /** The program that the debugger has still to be shown. */
  private newProgram: string | null = null;
  /** What the next resume is answered with, once it has been. */
  private owedStop: TargetStop | null = null;
  /** The snapshot at which the program, which was killed, has come back. */
  private revivedAt = 0;
  replaced = false;
  private readonly fates: (() => void)[] = [];
  /** Threads that the last resume named; `ALL` among them for every one. */
  private resumed: number[] = [ALL];
  /** An interrupt was asked for since the last stop. */
  private interrupting = false;
  /** The stops of a start through a shell or a wrapper are nobody's business. */
  private starting = false;

  constructor(
    private readonly core: Core,
    private readonly stdio: Stdio = { kind: 'inherit' },
  ) {
    this.cache = new StopCache(core);
    this.breakpoints = new InsertedBreakpoints(core);
    core.on('stop', (event) => this.handle(event));
    core.on('focus', ({ executable }) => (this.newProgram = executable));
    core.on('revived', ({ id }) => {
      this.revivedAt = id;
      this.replaced = this.lastStop !== null;
      for (const known of this.fates.splice(0)) known();
    });
  }

  get focus(): FocusCommands {
    return this;
  }

  get features(): Target['features'] {
    return this.core.capabilities;
  }

  get holdsEnd(): boolean {
    return this.core.holdsEnd;
  }

  get armed(): boolean {
    return this.restoring !== null || this.armedFocus !== null || this.owedStop !== null;
  }

  /** Listeners are called in the order of their subscription; each stop once. */
  onStop(listener: (stop: TargetStop) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async run(options: RunOptions): Promise<TargetStop> {
    this.forget();
    const { program, args, execs } = shellCommand(options);
    this.starting = true;
    try {
      const { env, cwd, disableAslr, pidNamespace = false } = options;
      await this.core.launch({ program, args, env, disableAslr, pidNamespace, stdio: this.stdio, ...(cwd === undefined ? {} : { cwd }) });
      for (let exec = 0; exec < execs; exec++) await this.runToExec(options.program);
      return this.begun(false, { kind: 'entry' });
    } catch (error) {
      if (this.core.process) await this.core.kill();
      throw explainStart(error, options);
    } finally {
      this.starting = false;
    }
  }

  async attach(pid: number): Promise<TargetStop> {
    // 0 and negative numbers mean groups of processes to the kernel.
    if (pid < 1) throw new UserError(`There is no process ${pid}.`);
    this.forget();
    try {
      await this.core.attach(pid);
    } catch (error) {
      throw explainStart(error, { pid });
    }
    return this.begun(true, { kind: 'attached' });
  }

  async detach(): Promise<void> {
    await this.core.detach();
    this.forget();
  }

  async kill(): Promise<void> {
    await this.core.kill();
    this.forget();
  }

  threads(): Promise<TargetThread[]> {
    return this.cache.threads();
  }

  /** Runs, or carries out the armed restore instead: then a stop with cause `restored` comes to the listeners. */
  async resume(actions: TargetResume[]): Promise<void> {
    this.replaced = false;
    if (this.owedStop) {
      const owed = this.owedStop;
      this.owedStop = null;
      this.announce(owed);
      return;
    }
    if (this.restoring && (await this.restore(this.restoring, actions))) return;
    if (this.armedFocus !== null) {
      const pid = this.armedFocus;
      this.armedFocus = null;
      return this.goTo(pid, actions);
    }
    const before = this.lastStop;
    this.lastStop = null;
    this.resumed = actions.map((action) => action.tid);
    try {
      await this.core.resume(actions);
    } catch (error) {
      this.lastStop ??= before;
      throw error;
    }
  }

  /**
   * The next `resume` rolls back to snapshot `id` and runs nothing. `before` runs with the process still in the
   * present. Resolves when the process stands at the snapshot; rejects when it could not be brought there.
   */
  armRestore(id: number, before: () => Promise<void> = () => Promise.resolve()): Promise<RestoreOutcome> {
    this.disarmRestore('another restore took its place');
    return new Promise((resolve, reject) => {
      this.restoring = { id, before, done: resolve, failed: reject };
    });
  }

  async followChildren(on: boolean): Promise<void> {
    if (on && !this.core.keepsChildren) throw new UserError('Processes that the program starts are not held ("snapshots.children" is "ignore"): the debugger cannot follow them.');
    await this.core.followChildren(on);
  }

  focusAtResume(pid: number): void {
    this.disarmRestore('another process was asked for');
    this.armedFocus = pid;
  }

  disarmRestore(reason: string): void {
    const armed = this.restoring;
    this.restoring = null;
    armed?.failed(new UserError(`Snapshot ${armed.id} was not restored: ${reason}.`));
  }

  interrupt(): Promise<void> {
    this.interrupting = true;
    return this.core.interrupt();
  }

  readMemory(address: bigint, length: number): Promise<Uint8Array> {
    return this.core.readMemory(address, length);
  }

  writeMemory(address: bigint, data: Uint8Array): Promise<void> {
    return this.core.writeMemory(address, data);
  }

  fate(): Promise<void> {
    if (this.replaced || this.lastStop?.state !== 'stopped') return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, fateMillis);
      this.fates.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** The process is all that there is to show. */
  show(): Promise<void> {
    return Promise.resolve();
  }

  readRegisters(tid: number): Promise<ThreadRegisters> {
    return this.cache.registers(tid);
  }

  writeRegisters(tid: number, registers: Partial<ThreadRegisters>): Promise<void> {
    return this.core.writeRegisters(tid, registers);
  }

  insertBreakpoint(type: BreakpointType, address: bigint, length: number): Promise<void> {
    return this.breakpoints.insert(type, address, length);
  }

  removeBreakpoint(type: BreakpointType, address: bigint, length: number): Promise<void> {
    return this.breakpoints.remove(type, address, length);
  }

  readSiginfo(tid: number): Promise<Uint8Array> {
    return this.core.readSiginfo(tid);
  }

  readAuxv(): Promise<Uint8Array> {
    return this.core.readAuxv();
  }

  /**
   * False when the process has to run first. A debugger may take a stop only from a thread that it resumed: gdb steps
   * one thread alone off a breakpoint, and fails an assertion of its own when another one stops. Where that thread is
   * not in the snapshot its step is done, and the resume of all that follows restores.
   */
  private async restore(armed: ArmedRestore, actions: readonly TargetResume[]): Promise<boolean> {
    try {
      await armed.before?.();
      armed.before = null;
      const tid = this.stopThread(armed.id, actions);
      if (tid === null) return false;
      this.restoring = null;
      const result = await this.core.rollback(armed.id);
      armed.done({ id: armed.id, result });
      const pid = this.core.process?.pid ?? 0;
      this.arrive({ state: 'stopped', pid, tid: tid === ANY ? result.tid : tid, cause: { kind: 'restored', snapshot: armed.id } });
      return true;
    } catch (error) {
      this.restoring = null;
      armed.failed(error);
      throw error;
    }
  }

  private async goTo(pid: number, actions: readonly TargetResume[]): Promise<void> {
    await this.core.follow(pid);
    const threads = (await this.core.threads()).map(({ tid }) => tid);
    const tid = actions.find((action) => threads.includes(action.tid))?.tid ?? threads[0] ?? pid;
    this.arrive({ state: 'stopped', pid: this.core.process?.pid ?? 0, tid, cause: { kind: 'focused' } });
  }

  /** At `stop`; a debugger that knows the process by another program is shown the new one first, and resumes by itself. */
  private arrive(stop: Extract<TargetStop, { state: 'stopped' }>): void {
    const executable = this.newProgram;
    this.newProgram = null;
    if (executable === null) return this.announce(stop);
    this.owedStop = stop;
    this.announce({ ...stop, cause: { kind: 'followed', executable } });
  }

  /** The thread whose stop the resume may end with: `ANY`, one of those it names, or null when none is in the snapshot. */
  private stopThread(id: number, actions: readonly TargetResume[]): number | null {
    if (actions.some((action) => action.tid === ALL)) return ANY;
    const threads = this.core.snapshotThreads(id);
    return actions.find((action) => threads.includes(action.tid))?.tid ?? null;
  }

  private async runToExec(program: string): Promise<void> {
    const event = await this.core.resumeUntilStop([{ tid: -1, kind: 'continue', signal: 0 }]);
    if (event.type === 'stopped' && event.reason === 'exec') return;
    if (event.type === 'stopped') return this.runToExec(program);
    throw new StartupExit(program, event.type === 'exited' ? `exited with code ${event.code}` : `was killed by signal ${event.signal}`);
  }

  private begun(attached: boolean, cause: StopCause): TargetStop {
    const info = this.core.process;
    if (!info) throw new UserError('The program ended before it could be debugged.');
    this.process = { pid: info.pid, executable: info.executable, attached };
    this.lastStop = { state: 'stopped', pid: info.pid, tid: info.pid, cause };
    return this.lastStop;
  }

  private handle(event: ProcessEvent): void {
    if (this.starting) return;
    if (event.type === 'exited') this.announce({ state: 'exited', pid: event.pid, code: event.code });
    else if (event.type === 'killed') this.announce({ state: 'killed', pid: event.pid, signal: event.signal });
    else this.announce(this.stopOf(event));
    this.interrupting = false;
  }

  private stopOf(event: Extract<ProcessEvent, { type: 'stopped' }>): TargetStop {
    const stop = { state: 'stopped', pid: event.pid, tid: event.tid } as const;
    if (event.reason === 'revived') return { ...stop, tid: this.resumedThread(event.tid), cause: this.causeOf(event) };
    if (event.reason !== 'interrupt') return { ...stop, cause: this.causeOf(event) };
    // The core stops by itself when the last thread that was to run has ended and the others are held.
    if (!this.interrupting) return { ...stop, cause: { kind: 'noResumed' } };
    // An interrupt is nobody's own stop: it goes to a thread that ran, for a debugger that runs one thread alone.
    return { ...stop, tid: this.resumedThread(event.tid), cause: { kind: 'interrupt' } };
  }

  private causeOf(event: Extract<ProcessEvent, { type: 'stopped' }>): StopCause {
    switch (event.reason) {
      case 'signal':
        return { kind: 'signal', signal: event.signal, fatal: event.fatal === true };
      case 'exit':
        return { kind: 'exit', code: event.code ?? 0 };
      case 'watchpoint':
        return { kind: 'watchpoint', address: event.address ?? 0n, access: event.access ?? 'write' };
      case 'exec':
        return { kind: 'exec', executable: event.executable ?? '' };
      case 'followed':
        return { kind: 'followed', executable: event.executable ?? null };
      case 'revived':
        return { kind: 'restored', snapshot: this.revivedAt };
      default:
        return { kind: event.reason };
    }
  }

  private resumedThread(tid: number): number {
    return this.resumed.includes(ALL) || this.resumed.includes(tid) ? tid : (this.resumed[0] ?? tid);
  }

  private announce(stop: TargetStop): void {
    this.lastStop = stop;
    if (stop.state !== 'stopped') {
      this.process = null;
      this.armedFocus = this.owedStop = this.newProgram = null;
      this.disarmRestore('the process has ended');
    } else if (this.process && (stop.cause.kind === 'exec' || stop.cause.kind === 'followed') && stop.cause.executable !== null) {
      this.breakpoints.forget();
      this.process = { ...this.process, executable: stop.cause.executable };
    }
    for (const listener of [...this.listeners]) listener(stop);
    for (const known of this.fates.splice(0)) known();
  }

  private forget(): void {
    this.disarmRestore('the process is gone');
    this.cache.forget();
    this.breakpoints.forget();
    this.resumed = [ALL];
    this.armedFocus = this.owedStop = this.newProgram = null;
    this.process = null;
    this.lastStop = null;
    this.replaced = false;
  }
}

// Should it live after all, and only not be readable.
const fateMillis = 2000;

