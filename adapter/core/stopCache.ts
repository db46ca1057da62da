// What a debugger asks of one stop again and again, read once: the threads and their registers.
// Must not know packets. It holds as long as nothing runs, is rolled back or is written: the core tells.
import type { TargetThread, ThreadRegisters } from '../rsp/target';
import type { Core } from './core';

/** Threads whose registers are read with those of another one. */
const ahead = 32;

export class StopCache {
  private readonly known = new Map<number, ThreadRegisters>();
  private list: Promise<TargetThread[]> | null = null;
  /** Counts what ends the validity of all that. */
  private stop = 0;

  constructor(private readonly core: Core) {
    for (const event of ['stop', 'resumed', 'rolledBack', 'edited', 'focus', 'revived'] as const) core.on(event, () => this.forget());
  }

  forget(): void {
    this.known.clear();
    this.list = null;
    this.stop += 1;
  }

  threads(): Promise<TargetThread[]> {
    if (this.core.state !== 'stopped') return this.core.threads();
    if (!this.list) {
      const list = this.core.threads();
      this.list = list;
      list.catch(() => this.list === list && (this.list = null));
    }
    return this.list;
  }

  /** A copy. */
  async registers(tid: number): Promise<ThreadRegisters> {
    const { general, xstate } = this.known.get(tid) ?? (await this.fetch(tid));
    return { general: general.slice(), xstate: xstate.slice() };
  }

  /** Who asks for a second thread goes through all: those of the next come on one way to the process and back. */
  private async fetch(tid: number): Promise<ThreadRegisters> {
    const passing = this.known.size > 0;
    const wanted = this.read(tid);
    if (!passing) return wanted;
    wanted.catch(() => undefined);
    const threads = await this.threads();
    const next = threads.findIndex((thread) => thread.tid === tid) + 1;
    for (const thread of threads.slice(next, next + ahead)) {
      if (!this.known.has(thread.tid)) this.read(thread.tid).catch(() => undefined);
    }
    return wanted;
  }

  private async read(tid: number): Promise<ThreadRegisters> {
    const { stop } = this;
    const registers = await this.core.readRegisters(tid);
    if (this.stop === stop) this.known.set(tid, registers);
    return registers;
  }
}
