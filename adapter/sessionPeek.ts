// The past on screen while the process stays in the present: leads gdb there and back, and makes what is shown the present
// before anything runs or changes it. Must not know where snapshots come from, or requests.
import { messageOf, UserError } from './errors';
import { programEnd, stopReport } from './gdb/stopReason';
import type { SnapshotId } from './protocol';
import type { Run } from './sessionRun';
import type { Viewer } from './snapshots/interfaces';

export class Peeking implements Viewer {
  /** What the process stopped for, to be told again on return. */
  private exception: Run['stops']['exception'];
  /** gdb looks at other moments than the one on screen, in passing. */
  passing = false;
  /** Why gdb was last kept from making the present what is on screen: the user has to be asked before. */
  private refusal: string | undefined;

  constructor(private readonly run: Run) {}

  private get shown(): SnapshotId | null {
    return this.run.snapshots.peeking;
  }

  async view(id: SnapshotId | null): Promise<void> {
    const { run } = this;
    const { stops } = run;
    if (this.shown === null) {
      this.exception = stops.exception;
    }
    // Before gdb looks there: a printer must not call what runs in the present.
    await this.allowCalls(id === null);
    const { record, failure } = await stops.withoutBreakpoints(() => this.lead(id));
    const end = programEnd(record);
    if (end) {
      run.onProgramEnd(end);
      throw new UserError(`The program ended, so ${id === null ? 'there is no present to return to' : `snapshot ${id} cannot be shown`}.`);
    }
    const report = stopReport(record, { pauseRequested: false, kindOf: () => undefined });
    const now = failure === undefined ? id : this.shown;
    if (now !== id) {
      await this.allowCalls(now === null);
    }
    stops.arrive({ ...report, exception: now === null ? this.exception : undefined });
    await stops.lookAnew();
    const description = now === null ? 'Back in the present' : `Viewing snapshot ${now}`;
    stops.send({ ...report, reason: 'goto', description, text: undefined });
    if (failure !== undefined) {
      throw failure instanceof UserError ? failure : new UserError(`${id === null ? 'The present' : `Snapshot ${id}`} could not be shown: ${messageOf(failure)}`);
    }
  }

  /** Called by the snapshot manager, also while gdb waits for an answer: nothing here may wait for gdb. */
  async enter(): Promise<void> {
    await this.run.host.enterView();
    this.left();
  }

  /** The present is on screen again, by another way than `view`. */
  left(): void {
    if (this.shown !== null) {
      void this.allowCalls(true);
    }
  }

  /**
   * To be called before what runs or changes the program: the snapshot that is shown, if one is, becomes the present.
   * `tell`: the client is told by a stop, since none comes of what follows.
   */
  async goOn(tell = false): Promise<void> {
    if (this.shown === null) {
      return;
    }
    const id = await this.run.snapshots.goOnFromPeek();
    if (tell && id !== null) {
      this.tell(id);
    }
  }

  /** gdb does it by itself: typed at its prompt, or in an expression. */
  async act(): Promise<void> {
    if (this.shown === null || this.passing) {
      throw new UserError('The past cannot be changed by looking at it.', false);
    }
    const id = await this.run.snapshots.goOnFromPeek((wanted, warnings) => {
      const words = warnings.map(({ message }) => message).join(' ');
      this.refusal = `Going on from snapshot ${wanted} does not bring everything back: ${words} Restore it first, if that is what you want.`;
      throw new UserError(this.refusal, false);
    });
    if (id !== null) {
      this.tell(id);
    }
  }

  /** What the user has typed for gdb. Where that changes the program and the user has to be asked before, it is done anew. */
  async typed<T>(work: () => Promise<T>): Promise<T> {
    this.refusal = undefined;
    try {
      const result = await work();
      if (this.refusal === undefined) {
        return result;
      }
    } catch (error) {
      if (this.refusal === undefined) {
        throw error;
      }
    }
    this.refusal = undefined;
    await this.goOn(true);
    return work();
  }

  /** In place of gdb's words, where it was kept from something. */
  explain(message: string): string {
    const { refusal } = this;
    if (refusal !== undefined) {
      this.refusal = undefined;
      return refusal;
    }
    return this.shown !== null && /may-call-functions/.test(message)
      ? `Snapshot ${this.shown} is on screen, and functions of the program can be called in the present only: return to it, or go on from here.`
      : message;
  }

  private tell(id: SnapshotId): void {
    const { stops } = this.run;
    stops.send({ reason: 'goto', description: `Restored snapshot ${id}`, threadId: stops.threadId, frame: undefined });
  }

  private async lead(id: SnapshotId | null): Promise<{ record: Awaited<ReturnType<Run['execution']['resumeTo']>>; failure: unknown }> {
    const { execution, host } = this.run;
    let failure: unknown;
    const done = host.armView(id).catch((error: unknown) => {
      failure = error ?? new Error('no reason given');
    });
    const record = await execution.resumeTo('-exec-continue', true).catch((error: unknown) => {
      host.disarmRestore();
      throw error;
    });
    await done;
    return { record, failure };
  }

  private async allowCalls(allowed: boolean): Promise<void> {
    await this.run.gdb.command(`-gdb-set may-call-functions ${allowed ? 'on' : 'off'}`).catch(() => undefined);
  }
}
