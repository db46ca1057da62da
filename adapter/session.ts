// The DAP session: a table of requests, each ending in exactly one response, and the life of the one run it has.
// Holds no logic of its own; must not know gdb or the core.
import { DebugSession, Response } from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { messageOf, UserError } from './errors';
import { planAttach, planLaunch, type AttachPlan, type LaunchPlan } from './launchArguments';
import type { AttachAttributes, LaunchAttributes } from './protocol';
import { respond } from './respond';
import { breakpointRequests } from './sessionBreakpoints';
import { capabilities } from './sessionCapabilities';
import { evaluateRequests } from './sessionEvaluate';
import { event, MissingSources } from './sessionEvents';
import { executionRequests } from './sessionExecution';
import { inspectionRequests } from './sessionInspection';
import { memoryRequests } from './sessionMemory';
import type { Client, Handlers, SessionParts } from './sessionParts';
import { Run } from './sessionRun';
import { snapshotRequests } from './sessionSnapshots';

/** More than this waiting to be read by the client: it is time to let the debuggee wait. */
const manyBytes = 1 << 20;

export class RollpointSession extends DebugSession {
  private readonly handlers: Handlers;
  private readonly client: Client;
  private run: Run | undefined;
  private starting: Promise<void> | undefined;
  private started = false;
  private leaving = false;

  constructor(
    private readonly parts: SessionParts,
    private readonly outStream: NodeJS.WriteStream,
  ) {
    super();
    this.client = {
      send: (message) => this.sendEvent(message),
      output: (category, output) => this.sendEvent(event('output', { category, output })),
      caughtUp: () =>
        this.outStream.writableLength > manyBytes ? new Promise((done) => this.outStream.once('drain', () => done())) : undefined,
      wantsProgress: true,
      wantsMemoryEvents: false,
      runInTerminal: undefined,
    };
    const current = () => this.requireRun();
    const sources = new MissingSources();
    this.handlers = {
      initialize: (args: DebugProtocol.InitializeRequestArguments) => this.initialize(args),
      launch: (args: Partial<LaunchAttributes>) => this.begin(() => planLaunch(args)),
      attach: (args: Partial<AttachAttributes>) => this.begin(() => planAttach(args)),
      disconnect: (args: DebugProtocol.DisconnectArguments) => this.leave(args?.terminateDebuggee),
      cancel: (args: DebugProtocol.CancelArguments) => this.run?.tasks.cancel(args ?? {}),
      ...executionRequests(current),
      ...breakpointRequests(current),
      ...inspectionRequests(current, sources),
      ...evaluateRequests(current),
      ...memoryRequests(current),
      ...snapshotRequests(current),
    };
  }

  protected override dispatchRequest(request: DebugProtocol.Request): void {
    const handler = this.handlers[request.command];
    void respond(
      { sendResponse: (response) => this.sendResponse(response), logBug: (command, error) => this.logBug(command, error) },
      new Response(request),
      () => {
        if (!handler) {
          throw new UserError(`Rollpoint does not know the request "${request.command}".`, false);
        }
        return handler((request.arguments ?? {}) as never, request.seq);
      },
    );
  }

  private initialize(args: DebugProtocol.InitializeRequestArguments): DebugProtocol.Capabilities {
    if (args.pathFormat && args.pathFormat !== 'path') {
      throw new UserError('Rollpoint knows paths of the file system only: set "pathFormat" to "path".');
    }
    this.client.wantsProgress = args.supportsProgressReporting !== false;
    this.client.wantsMemoryEvents = args.supportsMemoryEvent === true;
    if (args.supportsRunInTerminalRequest) {
      this.client.runInTerminal = (terminal) =>
        new Promise((done, fail) => {
          this.runInTerminalRequest(terminal, terminalMillis, (response) => {
            if (response.success) {
              done();
            } else {
              fail(new Error(response.message ?? 'no reason given'));
            }
          });
        });
    }
    return capabilities;
  }

  private begin(plan: () => Promise<LaunchPlan | AttachPlan>): Promise<void> {
    if (this.starting) {
      throw new UserError('This session already debugs a program.');
    }
    this.starting = this.startRun(plan);
    return this.starting;
  }

  private async startRun(plan: () => Promise<LaunchPlan | AttachPlan>): Promise<void> {
    try {
      this.run = await Run.create(await plan(), this.client, this.parts);
      if (this.leaving) {
        throw new UserError('The session was ended before the program started.', false);
      }
      await this.run.start();
      this.started = true;
      this.sendEvent(event('initialized', {}));
    } catch (error) {
      await this.run?.dispose();
      // After the error response, so that the client shows why before it closes the session.
      setImmediate(() => this.sendEvent(event('terminated', {})));
      throw error;
    }
  }

  private async leave(terminateDebuggee: boolean | undefined): Promise<void> {
    this.leaving = true;
    if (!this.started) {
      // Whatever the start waits for is ended with it: gdb reading symbols, a program that does not come up.
      await this.run?.dispose();
    }
    await this.starting?.catch(() => undefined);
    const { run } = this;
    if (run) {
      const kill = terminateDebuggee ?? run.plan.kind === 'launch';
      await run.leave(kill ? 'kill' : 'detach');
    }
  }

  /** The client is gone, with or without a goodbye. */
  override shutdown(): void {
    // A part that does not end is no reason to stay: the kernel kills the debuggee with us, and gdb follows.
    setTimeout(() => process.exit(1), shutdownMillis);
    void this.end().finally(() => process.exit(0));
  }

  /** Ends the run; resolves when nothing of it is left. */
  async end(): Promise<void> {
    if (!this.leaving) {
      await this.leave(undefined);
    }
    await this.run?.dispose();
  }

  /** An error that nothing caught: a bug, told and survived. */
  fail(error: unknown): void {
    this.logBug('the background', error);
  }

  private requireRun(): Run {
    if (!this.run) {
      throw new UserError('No program is being debugged: send "launch" or "attach" first.', false);
    }
    return this.run;
  }

  private logBug(command: string, error: unknown): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
    process.stderr.write(`${command}: ${stack}\n`);
    this.client.output('stderr', `Rollpoint failed in "${command}": ${stack}\n`);
  }
}

const terminalMillis = 60_000;
const shutdownMillis = 10_000;
