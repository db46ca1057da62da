// One debuggee under gdb, from its start to its end: puts the parts together and ends them in the right order.
// Must not know requests: those live in the session's other files, which are given this object.
import { access } from 'node:fs/promises';
import { DebuggeeOutput } from './sessionOutput';
import { messageOf, UserError } from './errors';
import { type DebuggeeConsole, openDebuggeeConsole } from './debuggeeConsole';
import { Gdb } from './gdb/backend';
import { Breakpoints, type BreakpointState } from './gdb/breakpoints';
import { Execution } from './gdb/execution';
import { locateGdb } from './gdb/gdbProcess';
import { quote } from './gdb/mi';
import { loadRustPrinters } from './gdb/rustPrinters';
import { Stack } from './gdb/stack';
import { type ProgramEnd, signalName } from './gdb/stopReason';
import { Variables } from './gdb/variables';
import type { AttachPlan, LaunchPlan } from './launchArguments';
import { Questions } from './sessionConsent';
import { breakpointEvent, event } from './sessionEvents';
import type { Client, DebuggeeEnd, DebuggeeHost, SessionParts } from './sessionParts';
import { SessionMoments } from './sessionMoments';
import { notified } from './sessionNotifications';
import { Peeking } from './sessionPeek';
import { Revival } from './sessionRevival';
import { ShownMemory } from './sessionShownMemory';
import { SessionStops } from './sessionStops';
import { Tasks } from './sessionTask';
import { SnapshotManager } from './snapshots/manager';

export class Run {
  readonly gdb: Gdb;
  readonly execution: Execution;
  readonly stack: Stack;
  readonly variables: Variables;
  readonly breakpoints: Breakpoints;
  readonly stops: SessionStops;
  readonly snapshots: SnapshotManager;
  readonly revival: Revival;
  readonly peek: Peeking;
  readonly moments: SessionMoments;
  readonly tasks: Tasks;
  readonly questions: Questions;
  readonly shownMemory: ShownMemory;
  readonly host: DebuggeeHost;
  private readonly output: DebuggeeOutput;
  private ending: Promise<void> | undefined;
  told = false;
  private pid = 0;
  /** We end it: what happens to the debuggee now needs no words. */
  leaving = false;
  private lastEnd: DebuggeeEnd | undefined;

  static async create(plan: LaunchPlan | AttachPlan, client: Client, parts: SessionParts): Promise<Run> {
    const location = await locateGdb(plan.gdb);
    client.output('console', `${parts.describeMachine(`gdb ${location.version}`)}\n`);
    const console =
      plan.kind === 'launch'
        ? await openDebuggeeConsole(plan.console, plan.program, {
            ptys: parts.ptys,
            output: (category, text) => client.output(category, text),
            caughtUp: () => client.caughtUp(),
            runInTerminal: client.runInTerminal,
            adapterCommand: parts.adapterCommand,
          })
        : undefined;
    return new Run(plan, client, parts, new Gdb(location), console);
  }

  private constructor(
    readonly plan: LaunchPlan | AttachPlan,
    readonly client: Client,
    parts: SessionParts,
    gdb: Gdb,
    console: DebuggeeConsole | undefined,
  ) {
    this.gdb = gdb;
    this.output = new DebuggeeOutput(console);
    this.host = parts.createHost(
      {
        ended: (end) => this.onDebuggeeEnded(end),
        edited: () => this.edited(),
        snapshotsLost: (ids, message) => this.snapshots.onLost(ids, message, !this.leaving),
        revived: (id, newPid) => {
          this.pid = newPid;
          this.revival.tell(id, newPid);
        },
        acting: () => this.peek.act(),
        warning: (message) => client.output('console', `${message}\n`),
        trace: (line) => this.trace(line),
      },
      console?.stdio,
      plan.snapshots.children,
    );
    this.stack = new Stack(gdb);
    this.variables = new Variables(gdb);
    this.breakpoints = new Breakpoints(gdb, (reason, state: BreakpointState) => client.send(breakpointEvent(reason, state)));
    this.execution = new Execution(gdb, {
      stopped: (record, pauseRequested) => this.stops.handle(record, pauseRequested),
      held: (record) => this.stops.hold(record),
      refused: (error) => client.output('important', `The program could not go on. ${messageOf(error)}\n`),
      resuming: () => this.host.forgetInterrupt(),
      resumed: (requested) => {
        this.snapshots.onResume();
        if (!requested) {
          client.send(event('continued', { threadId: this.stops.threadId, allThreadsContinued: true }));
        }
      },
    });
    this.stops = new SessionStops(this);
    this.revival = new Revival(this);
    this.peek = new Peeking(this);
    this.moments = new SessionMoments(this);
    this.tasks = new Tasks(client);
    this.questions = new Questions(client);
    this.shownMemory = new ShownMemory(client);
    this.snapshots = new SnapshotManager({
      core: this.host.snapshots,
      restorer: this.stops,
      viewer: this.peek,
      whereabouts: this.stops,
      sink: {
        changed: (list) => client.send(event('rollpoint/snapshotsChanged', list)),
        tell: (message, what) => {
          client.output('console', `${message}\n`);
          if (what) client.send(event('rollpoint/snapshotNotice', { kind: what, message }));
        },
      },
      ask: plan.confirmRestore ? (id, warnings) => this.questions.restore(id, warnings) : undefined,
      clock: Date.now,
      policy: plan.snapshots,
    });
  }

  /** Resolves with the debuggee stopped at its start and gdb connected to it. */
  async start(): Promise<void> {
    const { plan, host } = this;
    await host.followChildren(plan.followFork === 'child');
    const [gdb, debuggee] = await Promise.allSettled([
      this.startGdb(),
      plan.kind === 'attach' ? host.attach(plan.pid) : host.launch(plan),
    ]);
    if (debuggee.status === 'rejected' || gdb.status === 'rejected') {
      // The debuggee's own trouble says more than what gdb makes of it.
      throw debuggee.status === 'rejected' ? debuggee.reason : (gdb as PromiseRejectedResult).reason;
    }
    const { pid, executable } = debuggee.value;
    this.pid = pid;
    for (const { text, ignoreFailures } of plan.setupCommands) {
      await this.setUp(text, ignoreFailures);
    }
    // Of a script the interpreter is what runs.
    const program = await readable((plan.kind === 'attach' && plan.program) || executable, `/proc/${pid}/exe`);
    await loadRustPrinters(this.gdb, program);
    await this.gdb.command(`-file-exec-and-symbols ${quote(program)}`).catch((error: unknown) => {
      this.client.output('console', `gdb reads no symbols from "${program}": ${messageOf(error)}\n`);
    });
    const served = await host.serve();
    try {
      await this.gdb.command(`-target-select extended-remote ${served.socket}`);
    } finally {
      await served.connected();
    }
    this.client.send(
      event('process', {
        name: plan.program ?? executable,
        systemProcessId: pid,
        isLocalProcess: true,
        startMethod: plan.kind,
        pointerSize: 64,
      }),
    );
    this.execution.begin();
  }

  private startGdb(): Promise<void> {
    return this.gdb.start({
      running: () => this.execution.onRunning(),
      stopped: (record) => this.execution.onStopped(record),
      // What waits for the resume hears first that gdb took it.
      aborted: (error) => setImmediate(() => this.execution.onAborted(error)),
      notified: (name, record) => {
        this.trace(`=${name} ${JSON.stringify(record)}`);
        notified(this, name, record);
      },
      placed: (breakpoint) => this.breakpoints.onPlaced(breakpoint),
      logged: (message) => this.client.output('console', `${message}\n`),
      said: (text) => {
        this.trace(`gdb: ${text.trimEnd()}`);
        if (/^Error in testing /.test(text)) {
          this.client.output('important', text.endsWith('\n') ? text : `${text}\n`);
        }
      },
      ended: (how) => this.onGdbEnded(how),
      trace: (line) => this.trace(line),
    });
  }

  private async setUp(text: string, ignoreFailures: boolean): Promise<void> {
    try {
      await (text.startsWith('-') ? this.gdb.command(text) : this.gdb.console(text));
    } catch (error) {
      if (!ignoreFailures) {
        throw new UserError(`gdb refuses the setup command "${text}": ${messageOf(error)} Correct "setupCommands" in launch.json, or add "ignoreFailures": true.`);
      }
    }
  }

  /** What the debuggee has written so far is told when it resolves. */
  settleOutput(): Promise<void> {
    return this.output.settle();
  }

  /** To the debuggee's standard input. */
  write(text: string): void {
    this.output.write(text);
  }

  /** Memory or registers were changed by the user's doing. */
  edited(): void {
    this.snapshots.onEdit();
    this.shownMemory.changed();
  }

  /** gdb reported the end of the program. */
  onProgramEnd(end: ProgramEnd): void {
    void this.finish(end.exitCode, end.signal === undefined ? undefined : this.wordsOf(end.signal, end.signalMeaning));
  }

  private onDebuggeeEnded(end: DebuggeeEnd): void {
    this.lastEnd = end;
    this.snapshots.onEnd();
    if (this.leaving) {
      return;
    }
    if (!this.execution.running || !this.gdb.alive) {
      this.finishWith(end);
    } else {
      // gdb tells of the end too, in order with all else that it tells; unless the process went in the middle of a
      // stop that gdb keeps to itself, where it loses the thread.
      setTimeout(() => this.finishWith(end), gdbTellsMillis);
    }
  }

  private finishWith(end: DebuggeeEnd): void {
    if ('exitCode' in end) {
      void this.finish(end.exitCode, undefined);
    } else {
      void this.finish(128 + end.signal, this.wordsOf(signalName(end.signal), undefined));
    }
  }

  private wordsOf(signal: string, meaning: string | undefined): string | undefined {
    if (this.leaving) {
      return undefined;
    }
    return signal === 'SIGKILL'
      ? 'The program was killed from outside (SIGKILL).'
      : `The program was ended by a signal: ${meaning ? `${meaning} (${signal})` : signal}.`;
  }

  private onGdbEnded(how: string): void {
    if (this.leaving || this.execution.current === 'notStarted') {
      return;
    }
    this.client.output('important', `gdb (${this.gdb.location.path}) ${how} unexpectedly: the session ends. Start it again.\n`);
    void this.leave('kill');
  }

  /** The debuggee's last words, then `exited` and `terminated`, once; the parts end in the background. */
  private async finish(exitCode: number | undefined, words: string | undefined): Promise<void> {
    if (this.told) {
      return;
    }
    this.told = true;
    this.execution.end();
    this.snapshots.onEnd();
    await this.output.finish(words ?? (exitCode === undefined ? 'Detached.' : `The program exited with code ${exitCode}.`));
    if (words) {
      this.client.output('console', `${words}\n`);
    }
    if (exitCode !== undefined) {
      this.client.send(event('exited', { exitCode }));
    }
    this.client.send(event('terminated', {}));
    await this.dispose();
  }

  /** Ends the session: the debuggee is killed, or left running. Resolves when nothing of it is left. */
  async leave(how: 'kill' | 'detach'): Promise<void> {
    this.leaving = true;
    if (!this.told) {
      try {
        if (how === 'kill') {
          await this.host.kill();
        } else if (this.execution.current !== 'ended') {
          await this.letGo();
        }
      } catch (error) {
        this.trace(`leaving: ${messageOf(error)}`);
      }
      await this.finish(this.exitCodeOfKill(how), undefined);
    }
    await this.dispose();
  }

  private exitCodeOfKill(how: 'kill' | 'detach'): number | undefined {
    if (how === 'detach') {
      return undefined;
    }
    const end = this.lastEnd ?? { signal: 9 };
    return 'exitCode' in end ? end.exitCode : 128 + end.signal;
  }

  private async letGo(): Promise<void> {
    await this.host.letEnd();
    // gdb takes its breakpoints out of the process as it detaches.
    await this.execution.whileStopped(() => this.gdb.command('-target-detach'), { stay: true }).catch(() => this.host.detach());
  }

  /** The debuggee gets SIGTERM, and SIGKILL when it does not heed it. */
  async terminate(): Promise<void> {
    const { pid } = this;
    if (this.told || pid === 0) {
      return;
    }
    this.leaving = true;
    await this.host.letEnd();
    await this.host.show(null);
    // Runs from here: a program in vfork cannot be stopped at all.
    setTimeout(() => {
      if (!this.told) {
        void this.leave('kill');
      }
    }, graceMillis);
    const letSignalThrough = async () => {
      await this.gdb.command('-break-disable');
      await this.gdb.console('handle SIGTERM nostop noprint pass');
    };
    await this.execution.whileStopped(letSignalThrough, { stay: true }).catch((error: unknown) => {
      if (this.execution.current !== 'ended') {
        throw error;
      }
    });
    if (this.told || this.execution.current === 'ended') {
      return;
    }
    process.kill(pid, 'SIGTERM');
    await this.execution.resume('-exec-continue').catch((error: unknown) => this.trace(`terminate: ${messageOf(error)}`));
  }

  /** Idempotent; never rejects. */
  dispose(): Promise<void> {
    this.ending ??= (async () => {
      this.leaving = true;
      this.questions.withdraw();
      for (const work of [() => this.gdb.stop(), () => this.host.dispose()]) {
        await work().catch((error: unknown) => this.trace(`ending: ${messageOf(error)}`));
      }
      this.output.dispose();
    })();
    return this.ending;
  }

  trace(line: string): void {
    if (this.plan.trace) {
      this.client.output('console', `[trace] ${line}\n`);
    }
  }
}

const graceMillis = 3000;
const gdbTellsMillis = 1500;

/** Where the file was deleted or lies in another mount namespace, the kernel still has it under /proc. */
async function readable(path: string, otherwise: string): Promise<string> {
  return access(path).then(() => path, () => otherwise);
}
