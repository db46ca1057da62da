// A DAP client for tests: the adapter as a child process, requests as promises, events kept and waited for.
// Must not know what any test expects.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';

const adapter = process.env['ROLLPOINT_ADAPTER'] ?? join(import.meta.dirname, '..', '..', 'dist', 'rollpoint-adapter.js');
/** Far beyond what any step takes: a hang is to fail by name, not by mocha's limit. */
export const patienceMillis = 60_000;

/** Clients of the test that runs, for `tellFailures.ts`. */
export const clientsOfTest: DapClient[] = [];

export class DapError extends Error {
  constructor(
    readonly command: string,
    readonly response: DebugProtocol.Response,
  ) {
    super(`${command}: ${response.message ?? 'failed'}`);
  }

  get shown(): string {
    return this.response.message ?? '';
  }
}

export interface ThreadStop {
  reason: string;
  threadId: number;
  description?: string;
  text?: string;
  hitBreakpointIds?: number[];
  allThreadsStopped?: boolean;
}

export interface Place {
  name: string;
  line: number;
  path: string | undefined;
  frameId: number;
}

type EventWaiter = { matches(event: DebugProtocol.Event): boolean; done(event: DebugProtocol.Event): void };

export class DapClient {
  readonly events: DebugProtocol.Event[] = [];
  /** Responses in the order received, for tests that count them. */
  readonly responses: DebugProtocol.Response[] = [];
  /** Settles with the exit code of the adapter. */
  readonly exited: Promise<number | null>;
  readonly stderr: string[] = [];
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly pending = new Map<number, (response: DebugProtocol.Response) => void>();
  private waiters: EventWaiter[] = [];
  private taken = new Set<DebugProtocol.Event>();
  private data = Buffer.alloc(0);
  private seq = 1;
  /** The end of the conversation, both ways, shortened. */
  private readonly said: string[] = [];
  /** Answers reverse requests; by default they fail. */
  onReverseRequest: (request: DebugProtocol.Request) => Promise<object> = () => Promise.reject(new Error('not supported'));

  constructor(options: { env?: NodeJS.ProcessEnv; args?: string[]; cwd?: string; through?: string[] } = {}) {
    clientsOfTest.push(this);
    // `through`: a command that runs another, such as unshare.
    const [command, ...args] = [...(options.through ?? []), process.execPath, adapter, ...(options.args ?? [])];
    this.child = spawn(command!, args, {
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
    });
    this.child.stdout.on('data', (bytes: Buffer) => this.receive(bytes));
    this.child.stderr.on('data', (bytes: Buffer) => this.stderr.push(bytes.toString()));
    this.child.stdin.on('error', () => undefined);
    this.exited = new Promise((done) => this.child.once('exit', (code) => done(code)));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Closes the adapter's input, as an editor does that goes away without a word. */
  hangUp(): void {
    this.child.stdin.end();
  }

  /** The response as it comes, also a failed one. */
  async raw(command: string, args: object = {}): Promise<DebugProtocol.Response> {
    const seq = this.seq++;
    const answered = new Promise<DebugProtocol.Response>((done) => this.pending.set(seq, done));
    this.write({ seq, type: 'request', command, arguments: args });
    return this.patiently(answered, `a response to ${command}`);
  }

  /** The body of the response; rejects with DapError when it is one of failure. */
  async request<T = Record<string, never>>(command: string, args: object = {}): Promise<T> {
    const response = await this.raw(command, args);
    if (!response.success) {
      throw new DapError(command, response);
    }
    return (response.body ?? {}) as T;
  }

  /** The first event of that name that no earlier call was given; `matches` narrows it down. */
  async event<T = Record<string, unknown>>(name: string, matches: (body: T) => boolean = () => true): Promise<T> {
    const fits = (event: DebugProtocol.Event) => event.event === name && matches(event.body as T);
    let found = this.events.find((event) => !this.taken.has(event) && fits(event));
    found ??= await this.patiently(
      new Promise<DebugProtocol.Event>((done) => this.waiters.push({ matches: fits, done })),
      `the event ${name}`,
    );
    this.taken.add(found);
    return found.body as T;
  }

  /** All output so far of a category. */
  output(category: string): string {
    return this.events
      .filter((event) => event.event === 'output' && (event.body as { category: string }).category === category)
      .map((event) => (event.body as { output: string }).output)
      .join('');
  }

  async outputMatching(category: string, pattern: RegExp): Promise<string> {
    while (!pattern.test(this.output(category))) {
      await this.patiently(
        new Promise<DebugProtocol.Event>((done) =>
          this.waiters.push({ matches: ({ event }) => event === 'output' || event === 'terminated', done }),
        ),
        `output ${pattern} (so far: ${JSON.stringify(this.output(category))})`,
      );
      if (this.events.some(({ event }) => event === 'terminated') && !pattern.test(this.output(category))) {
        throw new Error(`The session ended without output ${pattern}: ${JSON.stringify(this.output(category))}`);
      }
    }
    return this.output(category);
  }

  async initialize(more: Partial<DebugProtocol.InitializeRequestArguments> = {}): Promise<DebugProtocol.Capabilities> {
    return this.request('initialize', { adapterID: 'rollpoint', pathFormat: 'path', linesStartAt1: true, columnsStartAt1: true, supportsMemoryEvent: true, ...more });
  }

  /** Up to the point where breakpoints can be set. */
  async launch(args: object): Promise<void> {
    await this.initialize();
    await Promise.all([this.request('launch', args), this.event('initialized')]);
  }

  configurationDone(): Promise<object> {
    return this.request('configurationDone');
  }

  stopped(reason?: string): Promise<ThreadStop> {
    return this.event<ThreadStop>('stopped', (body) => reason === undefined || body.reason === reason);
  }

  /** After a resume: past the stop before the program's end, to its end. Gives the exit code. */
  async exitCode(): Promise<number> {
    const { threadId } = await this.stopped('exit');
    await this.request('continue', { threadId });
    return (await this.event<{ exitCode: number }>('exited')).exitCode;
  }

  async setBreakpoints(path: string, breakpoints: DebugProtocol.SourceBreakpoint[]): Promise<DebugProtocol.Breakpoint[]> {
    const body = await this.request<DebugProtocol.SetBreakpointsResponse['body']>('setBreakpoints', { source: { path }, breakpoints });
    return body.breakpoints;
  }

  async top(threadId: number): Promise<Place> {
    const { stackFrames } = await this.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId, startFrame: 0, levels: 1 });
    const frame = stackFrames[0]!;
    return { name: frame.name, line: frame.line, path: frame.source?.path, frameId: frame.id };
  }

  /** The variables of the first scope of the thread's top frame, by name. */
  async locals(threadId: number): Promise<Map<string, DebugProtocol.Variable>> {
    const { frameId } = await this.top(threadId);
    const { scopes } = await this.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId });
    return this.children(scopes[0]!.variablesReference);
  }

  async children(variablesReference: number, page: { start?: number; count?: number } = {}): Promise<Map<string, DebugProtocol.Variable>> {
    const { variables } = await this.request<DebugProtocol.VariablesResponse['body']>('variables', { variablesReference, ...page });
    return new Map(variables.map((variable) => [variable.name, variable]));
  }

  async evaluate(expression: string, threadId: number, context = 'watch'): Promise<string> {
    const { frameId } = await this.top(threadId);
    const body = await this.request<DebugProtocol.EvaluateResponse['body']>('evaluate', { expression, frameId, context });
    return body.result;
  }

  /** Ends the session and the adapter; resolves when the adapter is gone. */
  async close(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      await this.raw('disconnect').catch(() => undefined);
      this.hangUp();
      await this.patiently(this.exited, 'the end of the adapter').catch((error: unknown) => {
        this.kill('SIGKILL');
        throw error;
      });
    }
  }

  private async patiently<T>(promise: Promise<T>, what: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, fail) => {
      timer = setTimeout(() => fail(new Error(`No sign of ${what}.`)), patienceMillis);
    });
    const gone = this.exited.then(async (code) => {
      await new Promise((done) => setTimeout(done, 100));
      throw new Error(`The adapter ended with ${code} before ${what}. ${this.stderr.join('')}`);
    });
    gone.catch(() => undefined);
    try {
      return await (promise === (this.exited as Promise<unknown>) ? Promise.race([promise, late]) : Promise.race([promise, late, gone]));
    } finally {
      clearTimeout(timer);
    }
  }

  /** What was said last, and what the adapter wrote beside it. */
  story(): string {
    return `The end of the conversation with adapter ${this.pid}:\n${this.said.join('\n')}\n${this.stderr.join('').slice(-2000)}`;
  }

  private remember(direction: string, text: string): void {
    this.said.push(`${direction} ${text.slice(0, 300)}`);
    if (this.said.length > 60) this.said.shift();
  }

  private write(message: object): void {
    const text = JSON.stringify(message);
    this.remember('→', text);
    this.child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }

  private receive(bytes: Buffer): void {
    this.data = Buffer.concat([this.data, bytes]);
    for (;;) {
      const end = this.data.indexOf('\r\n\r\n');
      const length = Number(/Content-Length: (\d+)/.exec(this.data.toString('latin1', 0, Math.max(0, end)))?.[1]);
      if (end < 0 || this.data.length < end + 4 + length) {
        return;
      }
      const text = this.data.toString('utf8', end + 4, end + 4 + length);
      this.remember('←', text);
      const message = JSON.parse(text) as DebugProtocol.ProtocolMessage;
      this.data = this.data.subarray(end + 4 + length);
      this.handle(message);
    }
  }

  private handle(message: DebugProtocol.ProtocolMessage): void {
    if (message.type === 'event') {
      const event = message as DebugProtocol.Event;
      this.events.push(event);
      const index = this.waiters.findIndex((waiter) => waiter.matches(event));
      if (index >= 0) {
        this.waiters.splice(index, 1)[0]!.done(event);
      }
    } else if (message.type === 'response') {
      const response = message as DebugProtocol.Response;
      this.responses.push(response);
      this.pending.get(response.request_seq)?.(response);
    } else {
      const request = message as DebugProtocol.Request;
      const answer = { seq: this.seq++, type: 'response', request_seq: request.seq, command: request.command };
      this.onReverseRequest(request).then(
        (body) => this.write({ ...answer, success: true, body }),
        (error: Error) => this.write({ ...answer, success: false, message: error.message }),
      );
    }
  }
}
