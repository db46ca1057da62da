// Whether the debuggee runs, who waits for its next stop, and work that needs it stopped for a moment.
// Decides which stops reach the user; must not know what a stop means to the user or to the snapshots.
import { UserError } from '../errors';
import { type Gdb, GdbError } from './backend';
import type { MiFrame, MiStopped } from './mi';
import { isInterrupt, programEnd } from './stopReason';

export type RunState = 'notStarted' | 'stopped' | 'running' | 'ended';

/** The step that the user is waiting for, so that it can be finished after an interruption of ours. */
export type Step = { command: 'next' | 'step' | 'finish'; threadId: number; function?: string; line?: number };

export interface ExecutionListener {
  /** A stop that the user is to hear of; `pauseRequested` when the user asked for it. */
  stopped(record: MiStopped, pauseRequested: boolean): void;
  /** `requested`: by a request of the client that knows it resumes. */
  resumed(requested: boolean): void;
  /** It stands, and is about to be resumed: interrupts asked for until now, perhaps more than once, have been answered. */
  resuming(): void;
  /** Stopped for work of ours; the user does not hear of it. */
  held(record: MiStopped): Promise<void>;
  /** It was to go on after such work, and stands: a stop follows. */
  refused(error: unknown): void;
}

const askAgainMillis = 300;

export class Execution {
  private state: RunState = 'notStarted';
  private pauseRequested = false;
  private interrupting = false;
  /** The call that a step passes over is being finished, after an interruption of ours. */
  private finishing = false;
  /** Set while work of ours holds the debuggee; its stop is not the user's. */
  private waiting: ((record: MiStopped) => void) | undefined;
  private work: Promise<unknown> = Promise.resolve();
  private asking: NodeJS.Timeout | undefined;
  private step: Step | undefined;
  private intercept: ((record: MiStopped) => void) | undefined;
  /** Of who waits for `intercept`, where the debuggee does not run after all. */
  private abort: ((error: unknown) => void) | undefined;
  private last: MiStopped = {};

  constructor(
    private readonly gdb: Gdb,
    private readonly listener: ExecutionListener,
  ) {}

  get running(): boolean {
    return this.state === 'running';
  }

  get current(): RunState {
    return this.state;
  }

  /** The debuggee stands at its start, and gdb is connected. */
  begin(): void {
    this.state = 'stopped';
  }

  end(): void {
    clearInterval(this.asking);
    this.state = 'ended';
    const { waiting, intercept } = this;
    this.waiting = this.intercept = undefined;
    waiting?.({ reason: 'exited-normally' });
    intercept?.({ reason: 'exited-normally' });
  }

  requireStopped(): void {
    if (this.state === 'running') {
      throw new UserError('The program is running: pause it first.', false);
    }
    if (this.state !== 'stopped') {
      throw new UserError(this.state === 'ended' ? 'The program has ended.' : 'The program has not started yet.', false);
    }
  }

  /** Lets the debuggee run by an MI command; resolves when it does. */
  async resume(command: string, step?: Step, requested = true): Promise<void> {
    await this.work;
    await this.go(command, step, requested);
  }

  private async go(command: string, step: Step | undefined, requested: boolean): Promise<void> {
    this.requireStopped();
    this.step = step;
    this.listener.resuming();
    this.state = 'running';
    this.pauseRequested = false;
    try {
      await this.gdb.command(command);
    } catch (error) {
      if (this.running) {
        this.state = 'stopped';
      }
      throw error;
    }
    this.listener.resumed(requested);
  }

  /** Resumes by `command`, whose stop is not the user's: it comes back as the result. `requested`: see ExecutionListener. */
  resumeTo(command: string, requested = false): Promise<MiStopped> {
    // In line with other work: nobody may interrupt what ends by itself in a moment.
    const result = this.work.then(async () => {
      const stop = new Promise<MiStopped>((done, fail) => {
        this.intercept = done;
        this.abort = fail;
      });
      // It may fail before anybody waits for it.
      stop.catch(() => undefined);
      try {
        await this.go(command, undefined, requested);
        return await stop;
      } catch (error) {
        this.intercept = undefined;
        throw error;
      } finally {
        this.abort = undefined;
      }
    });
    this.work = result.catch(() => undefined);
    return result;
  }

  /** Whether the user asked for the stop that came last, which is told once. */
  takePauseRequest(): boolean {
    const asked = this.pauseRequested;
    this.pauseRequested = false;
    return asked;
  }

  async pause(): Promise<void> {
    if (this.state !== 'running') {
      return;
    }
    this.pauseRequested = true;
    if (!this.interrupting) {
      await this.interrupt();
    }
  }

  /**
   * Does `work` with the debuggee stopped: at once where it is, else after an interruption that the user does not
   * see. With `stay` the debuggee is left stopped.
   */
  whileStopped<T>(work: () => Promise<T>, options: { stay?: boolean } = {}): Promise<T> {
    const result = this.work.then(() => (this.running ? this.interrupted(work, options.stay === true) : work()));
    this.work = result.catch(() => undefined);
    return result;
  }

  private async interrupted<T>(work: () => Promise<T>, stay: boolean): Promise<T> {
    const stop = new Promise<MiStopped>((done) => (this.waiting = done));
    this.interrupting = true;
    let record: MiStopped;
    try {
      // It may have stopped by itself meanwhile: gdb then refuses, and the stop is on its way.
      await this.interrupt().catch((error: unknown) => {
        if (this.running && !this.gdb.alive) {
          throw error;
        }
      });
      record = await stop;
    } finally {
      this.interrupting = false;
      this.waiting = undefined;
    }
    if (programEnd(record) || this.state === 'ended') {
      this.tell(record);
      throw new UserError('The program has ended.', false);
    }
    // Out of the call that a step passes over: the step goes on from there as well.
    const ours = isInterrupt(record) || (this.finishing && record.reason === 'function-finished');
    this.finishing = false;
    try {
      await this.listener.held(record);
      return await work();
    } finally {
      if (ours && !this.pauseRequested) {
        if (!stay && this.state === 'stopped') {
          await this.runOn().catch((error: unknown) => this.refused(record, error));
        }
      } else {
        this.tell(record);
      }
    }
  }

  /** After an interruption of ours: on with what the user waits for, be it a step. */
  private async runOn(): Promise<void> {
    const { step } = this;
    this.listener.resuming();
    this.state = 'running';
    this.listener.resumed(true);
    if (!step?.function) {
      await this.gdb.command('-exec-continue');
      return;
    }
    const { stack } = await this.gdb.command<{ stack: MiFrame[] }>(`-stack-list-frames --thread ${step.threadId} 0 99`);
    const level = stack.findIndex((frame) => frame.func === step.function);
    if (level < 0) {
      await this.gdb.command('-exec-continue');
    } else if (step.command === 'finish') {
      await this.gdb.command(`-exec-finish --thread ${step.threadId} --frame ${level}`);
    } else if (level === 0) {
      await this.gdb.command(`-exec-${step.command} --thread ${step.threadId}`);
    } else {
      // Inside a call that the step was to pass over: out of it, then on with the line.
      this.finishing = true;
      this.intercept = (record) => void this.finishStep(record, step);
      await this.gdb.command(`-exec-finish --thread ${step.threadId} --frame ${level - 1}`);
    }
  }

  private async finishStep(record: MiStopped, step: Step): Promise<void> {
    this.finishing = false;
    // The call may have been the last of its line: then the step is done.
    if (record.reason !== 'function-finished' || Number(record.frame?.line) !== step.line) {
      this.tell(record);
      return;
    }
    this.listener.resuming();
    this.state = 'running';
    try {
      await this.gdb.command(`-exec-${step.command} --thread ${step.threadId}`);
    } catch (error) {
      this.refused(record, error);
    }
  }

  private refused(record: MiStopped, error: unknown): void {
    this.finishing = false;
    this.intercept = undefined;
    if (this.state === 'running' && this.gdb.alive) {
      this.state = 'stopped';
      this.listener.refused(resumeError(error));
      this.listener.stopped(record, true);
    }
  }

  /**
   * gdb forgets a request that meets a stop of its own, such as that of a library being loaded, and lets the debuggee
   * run on: so it is asked again until the debuggee stands.
   */
  private async interrupt(): Promise<void> {
    await this.gdb.command('-exec-interrupt --all');
    clearInterval(this.asking);
    this.asking = setInterval(() => {
      if (this.state === 'running' && this.gdb.alive) {
        this.gdb.command('-exec-interrupt --all').catch(() => undefined);
      } else {
        clearInterval(this.asking);
      }
    }, askAgainMillis);
  }

  /** gdb reported `*running`: also for what was typed at its prompt. */
  onRunning(): void {
    if (this.state === 'stopped') {
      this.state = 'running';
      this.pauseRequested = false;
      this.listener.resumed(false);
    }
  }

  /** gdb had said that the debuggee runs: it stands where it stood. */
  onAborted(error: unknown): void {
    if (this.state !== 'running') {
      return;
    }
    clearInterval(this.asking);
    const record: MiStopped = { ...this.last, reason: 'signal-received', 'signal-name': 'SIGINT' };
    const { waiting, abort } = this;
    if (waiting) {
      this.state = 'stopped';
      this.waiting = undefined;
      waiting(record);
    } else if (abort) {
      this.state = 'stopped';
      abort(resumeError(error));
    } else {
      this.refused(record, error);
    }
  }

  onStopped(record: MiStopped): void {
    clearInterval(this.asking);
    if (this.state === 'notStarted' || this.state === 'ended') {
      return;
    }
    this.last = { 'thread-id': record['thread-id'], frame: record.frame };
    if (!programEnd(record)) {
      this.state = 'stopped';
    }
    const { intercept, waiting } = this;
    if (waiting) {
      this.waiting = this.intercept = undefined;
      waiting(record);
    } else if (intercept) {
      this.intercept = undefined;
      intercept(record);
    } else {
      this.tell(record);
    }
  }

  private tell(record: MiStopped): void {
    this.listener.stopped(record, this.takePauseRequest());
  }
}

/** gdb inserts breakpoints as it resumes: a watchpoint too many shows only then. */
export function resumeError(error: unknown): unknown {
  return error instanceof GdbError && /hardware (breakpoint|watchpoint)/i.test(error.message)
    ? new UserError('The processor can watch four places at once, at most 8 bytes each: remove a data breakpoint, then go on.')
    : error;
}
