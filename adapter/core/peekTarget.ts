// The process as the protocol server sees it, or a snapshot of it in its place: implements rsp/target over both.
// While a snapshot is shown nothing is written to the process; whatever would run or write makes the snapshot the present first.
// Knows no packets and no list of snapshots.
import { UserError } from '../errors';
import type {
  BreakpointType,
  RunOptions,
  SnapshotCommands,
  Target,
  TargetProcess,
  TargetResume,
  TargetStop,
  TargetThread,
  ThreadRegisters,
} from '../rsp/target';
import { ALL } from '../rsp/threadId';
import type { Core } from './core';
import type { CoreTarget, RestoreOutcome } from './coreTarget';

interface View {
  id: number;
  /** Its current thread. */
  tid: number;
  threads: TargetThread[];
  registers: Map<number, ThreadRegisters>;
  /** By address; what could not be read is not kept. */
  pages: Map<bigint, Uint8Array>;
}

const pageSize = 4096n;
/** More than this is a dump, not a look. */
const mostCached = 1024;

interface ArmedView {
  id: number | null;
  done: () => void;
  failed: (error: unknown) => void;
}

export class PeekTarget implements Target {
  snapshots: SnapshotCommands | null = null;
  private readonly listeners = new Set<(stop: TargetStop) => void>();
  private view: View | null = null;
  /** The thread whose registers all have, in passing. */
  private lent: number | null = null;
  private arming: ArmedView | null = null;

  /** `goTo` rolls the process back to the snapshot that is shown, after it has kept the present. */
  constructor(
    readonly live: CoreTarget,
    private readonly core: Core,
    private readonly goTo: (id: number) => Promise<void>,
  ) {
    core.on('revived', () => this.look());
    live.onStop((stop) => {
      if (stop.state !== 'stopped') this.look();
      this.announce(stop);
    });
  }

  get focus(): Target['focus'] {
    return this.live.focus;
  }

  get features(): Target['features'] {
    return this.live.features;
  }

  get process(): TargetProcess | null {
    return this.live.process;
  }

  get lastStop(): TargetStop | null {
    return this.view ? this.viewed(this.view.tid, this.view.id, 0) : this.live.lastStop;
  }

  get replaced(): boolean {
    return this.live.replaced;
  }

  get armed(): boolean {
    return this.arming !== null || this.live.armed;
  }

  get viewing(): number | null {
    return this.view?.id ?? null;
  }

  get holdsEnd(): boolean {
    return this.live.holdsEnd;
  }

  /** The thread that the process itself stopped in. */
  get presentThread(): number {
    const { lastStop, process } = this.live;
    return lastStop?.state === 'stopped' ? lastStop.tid : (process?.pid ?? 0);
  }

  onStop(listener: (stop: TargetStop) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  fate(): Promise<void> {
    return this.live.fate();
  }

  /** The next `resume` shows the snapshot, or the present; resolves when it is shown, rejects when it cannot be. */
  armView(id: number | null): Promise<void> {
    this.disarmView('another took its place');
    this.live.disarmRestore('another snapshot is to be looked at');
    return new Promise((done, failed) => (this.arming = { id, done, failed }));
  }

  /** As CoreTarget's; what is shown gives way to it. */
  armRestore(id: number, before?: () => Promise<void>): Promise<RestoreOutcome> {
    this.disarmView('a restore took its place');
    return this.live.armRestore(id, before);
  }

  disarmView(reason: string): void {
    const { arming } = this;
    this.arming = null;
    arming?.failed(new UserError(`${arming.id === null ? 'The present' : `Snapshot ${arming.id}`} was not shown: ${reason}.`));
  }

  async show(id: number | null, lent: number | null = null): Promise<void> {
    this.lent = lent;
    if (this.view?.id === id) return;
    if (id === null) {
      this.view = null;
      return;
    }
    const { tid, threads } = await this.core.peekThreads(id);
    this.view = { id, tid, threads, registers: new Map(), pages: new Map() };
  }

  /** What is read from here on is the process, of which nobody knows anything yet. */
  look(): void {
    this.view = null;
    this.lent = null;
    this.disarmView('the process is no longer what it was');
  }

  run(options: RunOptions): Promise<TargetStop> {
    this.look();
    return this.live.run(options);
  }

  attach(pid: number): Promise<TargetStop> {
    this.look();
    return this.live.attach(pid);
  }

  detach(): Promise<void> {
    this.look();
    return this.live.detach();
  }

  kill(): Promise<void> {
    this.look();
    return this.live.kill();
  }

  /** Runs; where one is armed, shows a snapshot or restores one instead. From a snapshot that is shown the process goes back to it first. */
  async resume(actions: TargetResume[]): Promise<void> {
    if (this.arming) return this.carryOut(this.arming, actions);
    this.lent = null;
    if (this.live.armed) this.view = null;
    await this.actInView();
    await this.live.resume(actions);
  }

  interrupt(): Promise<void> {
    return this.live.interrupt();
  }

  async threads(): Promise<TargetThread[]> {
    return this.view ? this.view.threads : this.live.threads();
  }

  readMemory(address: bigint, length: number): Promise<Uint8Array> {
    return this.view ? this.peekMemory(this.view, address, length) : this.live.readMemory(address, length);
  }

  /** A debugger reads a few bytes at a time, mostly of the same pages; a snapshot does not change. */
  private async peekMemory(view: View, address: bigint, length: number): Promise<Uint8Array> {
    const start = address - (address % pageSize);
    if (address + BigInt(length) > start + pageSize || view.pages.size >= mostCached) return this.core.peekMemory(view.id, address, length);
    let page = view.pages.get(start);
    if (!page) {
      page = await this.core.peekMemory(view.id, start, Number(pageSize));
      view.pages.set(start, page);
    }
    const from = Number(address - start);
    return page.slice(from, from + length);
  }

  async writeMemory(address: bigint, data: Uint8Array): Promise<void> {
    await this.actInView();
    await this.live.writeMemory(address, data);
  }

  async readRegisters(asked: number): Promise<ThreadRegisters> {
    const { view } = this;
    const tid = this.lent ?? asked;
    if (!view) return this.live.readRegisters(tid);
    let registers = view.registers.get(tid);
    if (!registers) {
      registers = await this.core.peekRegisters(view.id, tid);
      view.registers.set(tid, registers);
    }
    return { general: registers.general.slice(), xstate: registers.xstate.slice() };
  }

  async writeRegisters(tid: number, registers: Partial<ThreadRegisters>): Promise<void> {
    await this.actInView();
    await this.live.writeRegisters(tid, registers);
  }

  /** Breakpoints are of the process, whatever is shown: they stand when it runs. */
  insertBreakpoint(type: BreakpointType, address: bigint, length: number): Promise<void> {
    return this.live.insertBreakpoint(type, address, length);
  }

  removeBreakpoint(type: BreakpointType, address: bigint, length: number): Promise<void> {
    return this.live.removeBreakpoint(type, address, length);
  }

  async readSiginfo(tid: number): Promise<Uint8Array> {
    if (this.view) throw new UserError('A snapshot does not keep what a thread was told with its last signal.', false);
    return this.live.readSiginfo(tid);
  }

  /** Of one program: an exec takes its snapshots with it. */
  readAuxv(): Promise<Uint8Array> {
    return this.live.readAuxv();
  }

  /** The snapshot that is shown becomes the present. */
  async actInView(): Promise<void> {
    const { view } = this;
    if (!view) return;
    await this.goTo(view.id);
    this.view = null;
    this.lent = null;
  }

  private async carryOut(arming: ArmedView, actions: readonly TargetResume[]): Promise<void> {
    try {
      const stop = await this.stopFor(arming.id, actions);
      this.arming = null;
      arming.done();
      this.announce(stop);
    } catch (error) {
      this.arming = null;
      arming.failed(error);
      throw error;
    }
  }

  /** A debugger takes a stop only from a thread that it resumed. */
  private async stopFor(id: number | null, actions: readonly TargetResume[]): Promise<TargetStop> {
    const named = (threads: readonly number[], first: number): number => {
      if (actions.some(({ tid }) => tid === ALL || tid === first)) return first;
      const other = actions.find(({ tid }) => threads.includes(tid));
      if (!other) throw new UserError('The thread that stands at a breakpoint was not there then: select another one, or disable the breakpoint, and continue again.');
      return other.tid;
    };
    if (id !== null) {
      const former = this.view;
      await this.show(id);
      try {
        const view = this.view!;
        return this.viewed(named(view.threads.map(({ tid }) => tid), view.tid), id, 0);
      } catch (error) {
        this.view = former;
        throw error;
      }
    }
    const threads = await this.live.threads();
    this.view = null;
    const { lastStop } = this.live;
    if (lastStop && lastStop.state !== 'stopped') return lastStop;
    // A signal that the program has still to get is told again: the debugger hands it on as it resumes.
    const tid = named(threads.map((thread) => thread.tid), this.presentThread);
    const signal = lastStop?.cause.kind === 'signal' && tid === lastStop.tid ? lastStop.cause.signal : 0;
    return this.viewed(tid, null, signal);
  }

  private viewed(tid: number, snapshot: number | null, signal: number): TargetStop {
    return { state: 'stopped', pid: this.process?.pid ?? 0, tid, cause: { kind: 'viewed', snapshot, signal } };
  }

  private announce(stop: TargetStop): void {
    for (const listener of [...this.listeners]) listener(stop);
  }
}
