// A typed facade over the addon's supervisor: one process at a time, its state, its events, stops as promises.
// Knows nothing of gdb, packets or DAP.
import { EventEmitter } from 'node:events';
import type {
  Addon,
  BreakpointKind,
  Capabilities,
  CaptureResult,
  Difference,
  Differences,
  LaunchOptions,
  NativeError,
  NativeEvent,
  ProcessInfo,
  Registers,
  ResumeAction,
  RollbackResult,
  StoreStats,
  Supervisor,
  SupervisorOptions,
  ThreadInfo,
} from './native';
import { TaskNames } from './taskNames';

export type ProcessEvent = Extract<NativeEvent, { type: 'stopped' | 'exited' | 'killed' }>;
export interface RevivedProcess {
  /** The snapshot. */
  id: number;
  /** What the kernel calls it now; `process.pid` stays what it was. */
  newPid: number;
  warnings: RollbackResult['warnings'];
}
/** Another process is in focus. */
export interface FocusChange {
  /** What the kernel calls it. */
  newPid: number;
  /** The debugger has still to be shown this program in place of the one before. */
  executable: string | null;
  /** Empty where there is nothing to tell. */
  message: string;
}
export type CoreState = 'none' | 'stopped' | 'running';

interface CoreEvents {
  /** A stop, or the end of the process. */
  stop: [ProcessEvent];
  /** The threads are about to run. */
  resumed: [];
  /** A rollback was tried: nothing that was read before holds. */
  rolledBack: [];
  /** Memory or registers were written from outside: the process no longer equals its snapshot. */
  edited: [];
  snapshotsLost: [number[], string];
  /** In place of the end of a program that was killed: it stands at a snapshot, stopped. Names are as before. */
  revived: [RevivedProcess];
  /** Threads, memory and registers are another process's; names of threads go on. */
  focus: [FocusChange];
  log: [string];
}

export class Core extends EventEmitter<CoreEvents> {
  readonly capabilities: Capabilities;
  private supervisor: Supervisor | null = null;
  private info: ProcessInfo | null = null;
  private current: CoreState = 'none';
  private holding = true;
  private torn = false;
  private followsChildren = false;
  private readonly names = new TaskNames();
  /** Of each snapshot its threads, and the one that it was taken for. */
  private readonly threadsOf = new Map<number, { tid: number; threads: readonly number[] }>();

  constructor(
    private readonly addon: Addon,
    private readonly options: SupervisorOptions = {},
  ) {
    super();
    this.capabilities = addon.probe();
  }

  get process(): ProcessInfo | null {
    return this.info;
  }

  /** The program will be stopped before it ends, because there are snapshots. */
  get holdsEnd(): boolean {
    return this.holding && this.threadsOf.size > 0;
  }

  /** From now on the program ends without a stop before it. */
  async letEnd(): Promise<void> {
    this.holding = false;
    await this.supervisor?.holdAtExit(false);
  }

  /** Whether the debugger goes with each process that the one in focus starts; for this program and those to come. */
  async followChildren(on: boolean): Promise<void> {
    this.followsChildren = on;
    await this.supervisor?.followChildren(on);
  }

  /** The debugger is with this process of the program from here on. */
  follow(pid: number): Promise<void> {
    return this.live().follow(pid);
  }

  get keepsChildren(): boolean {
    return this.options.children !== 'ignore';
  }

  get state(): CoreState {
    return this.current;
  }

  /** Resolves with the program stopped before its first instruction. */
  launch(options: LaunchOptions): Promise<ProcessInfo> {
    return this.begin((supervisor) => supervisor.launch(options));
  }

  attach(pid: number): Promise<ProcessInfo> {
    return this.begin((supervisor) => supervisor.attach(pid));
  }

  async detach(): Promise<void> {
    await this.live().detach();
    await this.end();
  }

  /** Resolves when the process is gone. */
  async kill(): Promise<void> {
    const supervisor = this.live();
    if (this.info) await supervisor.kill();
    await this.end();
  }

  /** What a snapshot holds, under the names of today. `tid`: its current thread. */
  async peekThreads(id: number): Promise<{ tid: number; threads: { tid: number; name: string }[] }> {
    const { tid, threads } = await this.live().peekThreads(id);
    return { tid: this.names.nameOf(tid), threads: threads.map((thread) => ({ ...thread, tid: this.names.nameOf(thread.tid) })) };
  }

  peekRegisters(id: number, tid: number): Promise<Registers> {
    return this.live().peekRegisters(id, this.names.idOf(tid));
  }

  peekMemory(id: number, address: bigint, length: number): Promise<Uint8Array> {
    return this.live().peekMemory(id, address, length);
  }

  compare(from: number, to: number): Promise<Differences> {
    return this.live().compare(from, to);
  }

  /** A process of ours is killed, one that was attached to is detached. */
  async dispose(): Promise<void> {
    await this.end();
    this.removeAllListeners();
  }

  async threads(): Promise<ThreadInfo[]> {
    const threads = await this.live().threads();
    return threads.map((thread) => ({ ...thread, tid: this.names.nameOf(thread.tid) }));
  }

  /** Resolves when the threads run; the stop comes as an event. */
  async resume(actions: ResumeAction[]): Promise<void> {
    const supervisor = this.live();
    this.current = 'running';
    this.emit('resumed');
    try {
      await supervisor.resume(actions.map((action) => ({ ...action, tid: this.names.idOf(action.tid) })));
    } catch (error) {
      // Unless it ran and ended meanwhile, it is where it was.
      if (this.info) this.current = 'stopped';
      throw error;
    }
  }

  /** Resumes and resolves with the stop or end that follows. */
  async resumeUntilStop(actions: ResumeAction[]): Promise<ProcessEvent> {
    const stopped = new Promise<ProcessEvent>((resolve) => this.once('stop', resolve));
    await this.resume(actions);
    return stopped;
  }

  interrupt(): Promise<void> {
    return this.live().interrupt();
  }

  async readMemory(address: bigint, length: number): Promise<Uint8Array> {
    const supervisor = this.live();
    return supervisor.readMemoryNow(address, length) ?? supervisor.readMemory(address, length);
  }

  writeMemory(address: bigint, data: Uint8Array): Promise<void> {
    this.emit('edited');
    return this.live().writeMemory(address, data);
  }

  readRegisters(tid: number): Promise<Registers> {
    return this.live().readRegisters(this.names.idOf(tid));
  }

  writeRegisters(tid: number, registers: Partial<Registers>): Promise<void> {
    this.emit('edited');
    return this.live().writeRegisters(this.names.idOf(tid), registers);
  }

  insertBreakpoint(kind: BreakpointKind, address: bigint, length: number): Promise<void> {
    return this.live().insertBreakpoint(kind, address, length);
  }

  removeBreakpoint(kind: BreakpointKind, address: bigint, length: number): Promise<void> {
    return this.live().removeBreakpoint(kind, address, length);
  }

  readSiginfo(tid: number): Promise<Uint8Array> {
    return this.live().readSiginfo(this.names.idOf(tid));
  }

  readAuxv(): Promise<Uint8Array> {
    return this.live().readAuxv();
  }

  async capture(options: { tid: number; files: 'rewind' | 'keep' }): Promise<CaptureResult> {
    const result = await this.live().capture({ ...options, tid: this.names.idOf(options.tid) });
    const threads = result.threads.map((tid) => this.names.nameOf(tid));
    this.threadsOf.set(result.id, { tid: options.tid, threads });
    return { ...result, threads };
  }

  /** The threads that a snapshot holds; none for one that is not there. */
  snapshotThreads(id: number): readonly number[] {
    return this.threadsOf.get(id)?.threads ?? [];
  }

  /** The thread that a snapshot was taken for. */
  snapshotThread(id: number): number | undefined {
    return this.threadsOf.get(id)?.tid;
  }

  /** A rollback has failed half-way, and there was no way back: nothing of the present is worth keeping. */
  get broken(): boolean {
    return this.torn;
  }

  async rollback(id: number): Promise<RollbackResult> {
    try {
      const result = await this.live().rollback(id);
      this.torn = false;
      this.names.rename(result.renamed);
      return { ...result, tid: this.names.nameOf(result.tid) };
    } catch (error) {
      this.torn = (error as NativeError).trusted === false || this.torn;
      throw error;
    } finally {
      this.emit('rolledBack');
    }
  }

  async deleteSnapshot(id: number): Promise<void> {
    await this.live().deleteSnapshot(id);
    this.threadsOf.delete(id);
  }

  stats(): Promise<StoreStats> {
    return this.live().stats();
  }

  passedOutside(id: number): Promise<string[]> {
    return this.live().passedOutside(id);
  }

  checkRollback(id: number): Promise<{ kind: string; message: string }[]> {
    return this.live().checkRollback(id);
  }

  verify(id: number): Promise<Difference[]> {
    return this.live().verify(id);
  }

  /** A supervisor holds one process for its life, so that each start gets a new one. */
  private async begin(start: (supervisor: Supervisor) => Promise<ProcessInfo>): Promise<ProcessInfo> {
    await this.end();
    this.threadsOf.clear();
    this.names.clear();
    this.holding = true;
    this.torn = false;
    const supervisor: Supervisor = this.addon.createSupervisor(this.options, (event) => {
      if (this.supervisor === supervisor) this.handle(event);
    });
    this.supervisor = supervisor;
    try {
      await supervisor.followChildren(this.followsChildren);
      this.info = await start(supervisor);
      await supervisor.holdAtExit(true);
    } catch (error) {
      await this.end();
      throw error;
    }
    this.current = 'stopped';
    return this.info;
  }

  private async end(): Promise<void> {
    const { supervisor } = this;
    await supervisor?.dispose();
    // Only now: `dispose` may still bring the end of the process.
    this.supervisor = null;
    this.info = null;
    this.current = 'none';
  }

  private handle(event: NativeEvent): void {
    switch (event.type) {
      case 'log':
        this.emit('log', event.message);
        return;
      case 'snapshotsLost':
        for (const id of event.ids) this.threadsOf.delete(id);
        this.emit('snapshotsLost', event.ids, event.message);
        return;
      case 'revived': {
        this.torn = false;
        this.names.rename(event.renamed);
        const { id, newPid, warnings } = event;
        this.emit('revived', { id, newPid, warnings });
        return;
      }
      case 'focus': {
        this.names.focus(event.tid, event.knownAs);
        const { newPid, executable = null, message } = event;
        this.emit('focus', { newPid, executable, message });
        return;
      }
      case 'stopped':
        this.current = 'stopped';
        event = { ...event, tid: this.names.nameOf(event.tid) };
        if (this.info && event.executable !== undefined) this.info = { ...this.info, executable: event.executable };
        break;
      default:
        this.current = 'none';
        this.info = null;
    }
    this.emit('stop', event);
  }

  private live(): Supervisor {
    if (!this.supervisor) throw Object.assign(new Error('There is no process.'), { code: 'RP_NO_PROCESS' });
    return this.supervisor;
  }
}
