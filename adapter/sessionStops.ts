// What follows a stop: the snapshot first, then the `stopped` event; and restores, which end in a stop of their own.
// Must not know requests, or how gdb and the snapshots do their part.
import { BrokenProgramError, messageOf, UserError } from './errors';
import type { MiBreakpoint, MiFrame, MiStopped } from './gdb/mi';
import { sourceOf } from './gdb/stack';
import { type ExceptionReport, isMarker, programEnd, stopReport, type StopReport } from './gdb/stopReason';
import type { SnapshotId, SnapshotLocation } from './protocol';
import { event } from './sessionEvents';
import type { Run } from './sessionRun';
import type { Restorer, Whereabouts } from './snapshots/interfaces';

export class SessionStops implements Restorer, Whereabouts {
  /** DAP id of the thread that stopped last. */
  threadId = 1;
  exception: ExceptionReport | undefined;
  private location: SnapshotLocation | null = null;
  private quiet = false;
  /** The thread that the client shows as having gone somewhere. */
  private gone: number | undefined;
  /** Breakpoints that the run under way passes over. */
  private setAside = '';

  constructor(private readonly run: Run) {}

  /** A stop for the user. `reason` overrides what gdb makes of it. */
  handle(record: MiStopped, pauseRequested: boolean, reason?: string): void {
    void this.bringBack();
    const end = programEnd(record);
    if (end) {
      this.run.onProgramEnd(end);
      return;
    }
    const { ending, focused } = this.run.host;
    const marker = isMarker(record) && !ending;
    const awaited = this.run.revival.take();
    if (marker && focused) {
      void this.focused(record);
      return;
    }
    if (marker) {
      void this.revived(record);
      return;
    }
    if (awaited !== undefined) {
      // gdb was in the middle of a stop when the program died: what it makes of that is of no moment.
      this.run.revival.lead(awaited);
      return;
    }
    const report = stopReport(record, { pauseRequested, ending, kindOf: (number) => this.run.breakpoints.byNumber(number) });
    void this.announce(reason === undefined ? report : { ...report, reason });
  }

  private async announce(report: StopReport): Promise<void> {
    this.arrive(report);
    if (report.reason === 'exit') {
      // Its exit handlers have run: all that it had to say is out, and is to be read before it is said to stand at its end.
      await this.run.settleOutput();
    }
    await this.run.snapshots.onStop({ kind: report.reason, restoring: false });
    this.send(report);
  }

  /** A stop that the user does not hear of: a snapshot may be taken in it. */
  async hold(record: MiStopped): Promise<void> {
    this.arrive(stopReport(record, { pauseRequested: true, kindOf: () => undefined }));
    await this.run.snapshots.onStop({ kind: 'pause', restoring: true });
  }

  /** From here on gdb's frames and variables are those of this stop. */
  arrive(report: StopReport): void {
    const { stack, variables } = this.run;
    stack.stopped();
    variables.moved();
    this.threadId = report.threadId ?? this.threadId;
    this.exception = report.exception;
    const { frame } = report;
    this.location = frame ? { name: frame.func ?? '??', ...sourceOf(frame) } : null;
  }

  send(report: StopReport): void {
    if (this.run.execution.current !== 'stopped') {
      return;
    }
    const breakpoint = report.breakpoint && this.run.breakpoints.byNumber(report.breakpoint);
    const stopped = event('stopped', {
      reason: report.reason,
      ...(report.description === undefined ? {} : { description: report.description }),
      ...(report.text === undefined ? {} : { text: report.text }),
      threadId: this.threadId,
      allThreadsStopped: true,
      ...(breakpoint ? { hitBreakpointIds: [breakpoint.id] } : {}),
    });
    const { gone, threadId } = this;
    this.gone = report.reason === 'goto' ? threadId : undefined;
    // The response of the request that led here goes first.
    setImmediate(() => {
      if (gone !== undefined && gone !== threadId) {
        // VS Code keeps the reason of a thread that stood before, without its description: "Paused on goto" (debugSession.ts).
        this.run.client.send(event('continued', { threadId: gone, allThreadsContinued: false }));
      }
      this.run.client.send(stopped);
      this.run.shownMemory.changed();
    });
  }

  /** From the start of the debuggee to `main`; without one the first instruction is as far as it gets. */
  async entry(): Promise<void> {
    const { gdb, execution } = this.run;
    const main = await gdb.command<{ bkpt: MiBreakpoint }>('-break-insert main').catch(() => undefined);
    if (!main) {
      const { frame } = await gdb.command<{ frame?: MiFrame }>('-stack-info-frame').catch(() => ({ frame: undefined }));
      await this.announce({ reason: 'entry', threadId: this.threadId, frame });
      return;
    }
    const { number } = main.bkpt;
    let record = await execution.resumeTo('-exec-continue');
    // In Rust there are two: the one that the C library calls has no source.
    while (record.bkptno === number && !record.frame?.fullname && (main.bkpt.locations?.length ?? 1) > 1) {
      record = await execution.resumeTo('-exec-continue');
    }
    await gdb.command(`-break-delete ${number}`);
    this.handle(record, execution.takePauseRequest(), record.bkptno === number ? 'entry' : undefined);
  }

  async here(): Promise<{ threadId: number; tid: number; location: SnapshotLocation | null }> {
    const { id, tid } = await this.run.stack.thread(this.threadId);
    return { threadId: id, tid, location: this.location };
  }

  /** Rolls back, makes gdb look anew, and tells the client where the program stands then. */
  async restore(id: SnapshotId): Promise<void> {
    const { snapshots } = this.run;
    this.run.peek.left();
    const { record, failure } = await this.withoutBreakpoints(() => this.rollBack(id));
    const end = programEnd(record);
    if (end) {
      this.run.onProgramEnd(end);
      throw new UserError(`The program ended, so snapshot ${id} could not be restored.`);
    }
    const marker = isMarker(record);
    const report: StopReport = { ...stopReport(record, { pauseRequested: false, kindOf: () => undefined }), reason: 'goto' };
    this.arrive(report);
    await this.lookAnew();
    if (failure !== undefined || !marker) {
      this.send({ ...report, reason: 'pause', exception: undefined, description: 'Restore failed', text: undefined });
      const text = `Snapshot ${id} could not be restored: ${messageOf(failure ?? 'gdb reported another stop')}`;
      throw failure instanceof UserError ? failure : this.run.host.broken ? new BrokenProgramError(text) : new UserError(text);
    }
    await snapshots.onStop({ kind: 'goto', restoring: true });
    if (this.quiet) {
      return;
    }
    this.send({ ...report, description: `Restored snapshot ${id}`, text: undefined, exception: undefined });
  }

  /** The stop that a restore makes is not told: it is on the way to another one. */
  async quietly(work: () => Promise<void>): Promise<void> {
    this.quiet = true;
    try {
      await work();
    } finally {
      this.quiet = false;
    }
  }

  /** A restore that nobody asked for: the program was killed while it ran. */
  private async revived(record: MiStopped): Promise<void> {
    await this.turnUp(record, () => `Restored snapshot ${this.run.snapshots.list().current ?? ''} after the program was killed`);
  }

  /** Another process, by a command of the user's. */
  private async focused(record: MiStopped): Promise<void> {
    await this.turnUp(record, () => 'In another process');
  }

  /** A stop at a place that the program has not run to. */
  private async turnUp(record: MiStopped, description: () => string): Promise<void> {
    const report: StopReport = { ...stopReport(record, { pauseRequested: false, kindOf: () => undefined }), reason: 'goto' };
    this.arrive(report);
    // The program stands, whatever gdb makes of it: the user has to hear of both.
    await this.withoutBreakpoints(() => this.lookAnew()).catch((error: unknown) =>
      this.run.client.output('important', `gdb could not look at the program anew: ${messageOf(error)}\n`),
    );
    await this.run.snapshots.onStop({ kind: 'goto', restoring: true });
    this.send({ ...report, description: description(), text: undefined, exception: undefined });
  }

  private async rollBack(id: SnapshotId): Promise<{ record: MiStopped; failure: unknown }> {
    const { execution, host } = this.run;
    let failure: unknown;
    const done = host.armRestore(id).catch((error: unknown) => {
      failure = error ?? new Error('no reason given');
    });
    const record = await execution.resumeTo('-exec-continue').catch((error: unknown) => {
      host.disarmRestore();
      throw error;
    });
    await done;
    return { record, failure };
  }

  /**
   * gdb would step the current thread off the breakpoint that it stands at, and dies (infrun.c: finish_step_over) when
   * another thread then stops. Enabling a watchpoint again also takes its value anew. Those that the user disabled at
   * gdb's prompt stay so.
   */
  async withoutBreakpoints<T>(work: () => Promise<T>): Promise<T> {
    const { gdb } = this.run;
    const enabled = await this.enabledBreakpoints();
    if (!enabled) {
      return work();
    }
    await gdb.command(`-break-disable ${enabled}`);
    try {
      return await work();
    } finally {
      await this.enable(enabled);
    }
  }

  /** Lets the program run, past its breakpoints; they are there again when it stops for the user. */
  async runToEnd(): Promise<void> {
    const { gdb, execution } = this.run;
    this.setAside = await this.enabledBreakpoints();
    try {
      if (this.setAside) {
        await gdb.command(`-break-disable ${this.setAside}`);
      }
      await execution.resume('-exec-continue', undefined, false);
    } catch (error) {
      await this.bringBack();
      throw error;
    }
  }

  private async bringBack(): Promise<void> {
    const { setAside } = this;
    this.setAside = '';
    if (setAside) {
      await this.enable(setAside);
    }
  }

  private async enable(numbers: string): Promise<void> {
    const { gdb, client } = this.run;
    await gdb.command(`-break-enable ${numbers}`).catch((error: unknown) => {
      if (gdb.alive) {
        client.output('important', `Breakpoints are off, since gdb could not enable them again: ${messageOf(error)}\n`);
      }
    });
  }

  /** Their numbers, as gdb's commands take them. */
  private async enabledBreakpoints(): Promise<string> {
    const { BreakpointTable } = await this.run.gdb.command<{ BreakpointTable: { body: MiBreakpoint[] } }>('-break-list');
    return BreakpointTable.body.flatMap(({ number, enabled }) => (enabled === 'y' ? [number] : [])).join(' ');
  }

  /** Gdb keeps its list of libraries over a restore. */
  async lookAnew(): Promise<void> {
    const { gdb } = this.run;
    await gdb.command('-file-list-shared-libraries').catch((error: unknown) => this.run.trace(`after the restore: ${messageOf(error)}`));
  }
}
