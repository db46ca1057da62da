// Stepping, pausing, threads and stacks on a real C++ program.
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { Sessions } from '../support/sessions';

describe('stepping', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  it('steps over, into and out of a function', async () => {
    const session = await sessions.launch('playground', ['steps']);
    const { client } = session;
    await session.runTo('@first');
    const over = await session.resume('next');
    expect(over.reason).to.equal('step');
    await session.standsAt('@second', over);
    const into = await session.resume('stepIn');
    await session.standsAt('@twice', into);
    expect((await client.top(into.threadId)).name).to.contain('twice');
    const out = await session.resume('stepOut');
    expect(out.reason).to.equal('step');
    expect((await client.top(out.threadId)).name).to.equal('steps');
  });

  it('steps by instruction', async () => {
    const session = await sessions.launch('playground', ['steps']);
    const { client } = session;
    const address = async (threadId: number) => {
      const { stackFrames } = await client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId, levels: 1 });
      return BigInt(stackFrames[0]!.instructionPointerReference!);
    };
    const stop = await session.runTo('@first');
    const before = await address(stop.threadId);
    const { instructions } = await client.request<DebugProtocol.DisassembleResponse['body'] & object>('disassemble', {
      memoryReference: `0x${before.toString(16)}`,
      instructionCount: 2,
    });
    const next = await session.resume('next', { granularity: 'instruction' });
    expect(next.reason).to.equal('step');
    expect(await address(next.threadId)).to.equal(BigInt(instructions[1]!.address));
  });

  it('stops at a breakpoint in the function that it steps over', async () => {
    const session = await sessions.launch('playground', ['steps']);
    const { client, debuggee } = session;
    await session.runTo('@first');
    await client.setBreakpoints(debuggee.source, [{ line: debuggee.line('@twice') }]);
    const stop = await session.resume('next');
    expect(stop.reason).to.equal('breakpoint');
    await session.standsAt('@twice', stop);
  });

  it('finishes a step although breakpoints are set meanwhile', async () => {
    const session = await sessions.launch('playground', ['steps']);
    const { client, debuggee } = session;
    await session.runTo('@slow');
    await client.request('next', { threadId: 1 });
    await client.setBreakpoints(debuggee.source, [{ line: debuggee.line('@bottom') }]);
    const stop = await client.stopped();
    expect(stop.reason).to.equal('step');
    await session.standsAt('@afterSlow', stop);
  });

  it('refuses to step out of the outermost function', async () => {
    const session = await sessions.launch('playground', ['hits']);
    await session.runTo('@return');
    const response = await session.client.raw('stepOut', { threadId: 1 });
    expect(response.success).to.equal(false);
    expect(response.message).to.contain('outermost');
    expect(await session.client.evaluate('argc', 1)).to.equal('2');
  });

  it('pauses a running program and lets it go on', async () => {
    const { client, debuggee } = await sessions.launch('playground', ['spin']);
    await client.configurationDone();
    await client.request('pause', { threadId: 1 });
    const stop = await client.stopped();
    expect(stop).to.deep.include({ reason: 'pause', allThreadsStopped: true });
    const spins = async (threadId: number) => Number(await client.evaluate('spins._M_i', threadId));
    const before = await spins(stop.threadId);
    await client.setBreakpoints(debuggee.source, [{ line: debuggee.line('@spin'), hitCondition: '3' }]);
    await client.request('continue', { threadId: stop.threadId });
    const later = await client.stopped();
    expect(later.reason).to.equal('breakpoint');
    expect(await spins(later.threadId)).to.be.greaterThan(before);
  });

  it('lists threads by name', async () => {
    const session = await sessions.launch('playground', ['spin']);
    await session.runTo('@spin');
    const { threads } = await session.client.request<DebugProtocol.ThreadsResponse['body']>('threads');
    expect(threads.map(({ id }) => id)).to.deep.equal([1, 2]);
    expect(threads[0]!.name).to.contain('playground');
    expect(threads[1]!.name).to.contain('spinner');
  });

  it('stops at main with reason entry', async () => {
    const { client } = await sessions.launch('playground', [], { stopOnEntry: true });
    await client.configurationDone();
    const stop = await client.stopped();
    expect(stop.reason).to.equal('entry');
    expect((await client.top(stop.threadId)).name).to.equal('main');
  });

  it('pages a deep stack, without a limit', async () => {
    const session = await sessions.launch('playground', ['deep']);
    const { client } = session;
    const stop = await session.runTo('@bottom');
    const page = (startFrame: number, levels: number) =>
      client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId: stop.threadId, startFrame, levels });
    const first = await page(0, 20);
    expect(first.stackFrames).to.have.length(20);
    expect(first.totalFrames).to.be.greaterThan(20);
    const middle = await page(20, 400);
    expect(middle.stackFrames).to.have.length(400);
    const all = await page(0, 0);
    expect(all.stackFrames).to.have.length(502);
    expect(all.totalFrames).to.equal(502);
    expect(all.stackFrames.at(-1)!.name).to.equal('main');
    expect((await page(600, 20)).stackFrames).to.have.length(0);
    const { frameId } = { frameId: all.stackFrames[100]!.id };
    const { result } = await client.request<DebugProtocol.EvaluateResponse['body']>('evaluate', { expression: 'depth', frameId, context: 'watch' });
    expect(result).to.equal('100');
  });

  it('refuses a frame of an earlier stop', async () => {
    const session = await sessions.launch('playground', ['steps']);
    const { client } = session;
    const stop = await session.runTo('@first');
    const { frameId } = await client.top(stop.threadId);
    await session.resume('next');
    const response = await client.raw('scopes', { frameId });
    expect(response.success).to.equal(false);
    expect(response.message).to.contain('earlier stop');
  });

  it('reports a signal as an exception, and passes it on', async () => {
    const { client } = await sessions.launch('playground', ['signal']);
    await client.configurationDone();
    const stop = await client.stopped();
    expect(stop).to.deep.include({ reason: 'exception', description: 'User defined signal 1 (SIGUSR1)' });
    await client.request('continue', { threadId: stop.threadId });
    expect(await client.event('exited')).to.deep.equal({ exitCode: 138 });
    await client.event('terminated');
    expect(client.output('console')).to.contain('User defined signal 1 (SIGUSR1)');
  });

  it('explains a segmentation fault', async () => {
    const session = await sessions.launch('crash');
    const { client } = session;
    await client.configurationDone();
    const stop = await client.stopped();
    expect(stop).to.deep.include({ reason: 'exception', description: 'Segmentation fault (SIGSEGV)' });
    await session.standsAt('@crash', stop);
    const info = await client.request<DebugProtocol.ExceptionInfoResponse['body']>('exceptionInfo', { threadId: stop.threadId });
    expect(info).to.deep.include({ exceptionId: 'SIGSEGV', description: 'SIGSEGV at address 0x8' });
    await client.request('continue', { threadId: stop.threadId });
    expect(await client.event('exited')).to.deep.equal({ exitCode: 139 });
  });

  it('answers requests about a running program with words', async () => {
    const { client } = await sessions.launch('playground', ['wait']);
    await client.configurationDone();
    for (const [command, args] of [
      ['stackTrace', { threadId: 1 }],
      ['variables', { variablesReference: 1 }],
      ['next', { threadId: 1 }],
      ['evaluate', { expression: '1', context: 'watch' }],
      ['readMemory', { memoryReference: '0x1000', count: 1 }],
    ] as const) {
      const response = await client.raw(command, args);
      expect(response.success, command).to.equal(false);
      expect(response.message, command).to.contain('running');
    }
    expect((await client.raw('threads')).success).to.equal(true);
    const unknown = await client.raw('makeCoffee');
    expect(unknown.message).to.contain('makeCoffee');
  });

  it('gives the code where the source is missing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rollpoint-test-source-'));
    const source = join(folder, 'gone.cpp');
    const program = join(folder, 'gone');
    try {
      writeFileSync(source, 'int main() {\n  return 6;\n}\n');
      execFileSync('g++', ['-g', '-o', program, source]);
      rmSync(source);
      const client = sessions.connect();
      await client.launch({ program, snapshots: { auto: 'off' } });
      await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'main' }] });
      await client.configurationDone();
      const stop = await client.stopped();
      const { stackFrames } = await client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId: stop.threadId });
      const missing = stackFrames[0]!.source!;
      expect(missing.sourceReference).to.be.greaterThan(0);
      const { content } = await client.request<{ content: string }>('source', { source: missing, sourceReference: missing.sourceReference });
      expect(content).to.contain(`not on this machine: ${source}`);
      expect(content).to.match(/=> 0x[0-9a-f]+ <main\(\)\+\d+>/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
