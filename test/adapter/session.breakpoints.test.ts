// Breakpoints of every kind on a real C++ program: where they stop, how often, and what they say.
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { debuggee } from '../support/debuggees';
import { Sessions } from '../support/sessions';

describe('breakpoints', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  it('stops at a line, with its id and its path', async () => {
    const { client, debuggee: target } = await sessions.launch('playground', ['hits']);
    const [breakpoint] = await client.setBreakpoints(target.source, [{ line: target.line('@hit') }]);
    expect(breakpoint).to.deep.include({ verified: true, line: target.line('@hit') });
    expect(breakpoint!.source?.path).to.equal(target.source);
    await client.configurationDone();
    const stop = await client.stopped();
    expect(stop).to.deep.include({ reason: 'breakpoint', allThreadsStopped: true });
    expect(stop.hitBreakpointIds).to.deep.equal([breakpoint!.id]);
    const place = await client.top(stop.threadId);
    expect(place).to.deep.include({ name: 'hits', line: target.line('@hit'), path: target.source });
  });

  it('moves a breakpoint on a line without code to the next that has some', async () => {
    const { client, debuggee: target } = await sessions.launch('playground', ['hits']);
    const blank = target.line('@hitsEnd') - 1;
    const [breakpoint] = await client.setBreakpoints(target.source, [{ line: blank }]);
    expect(breakpoint).to.deep.include({ verified: true });
    expect(breakpoint!.line).to.be.at.least(blank);
  });

  it('stops where a condition holds', async () => {
    const { client, debuggee: target } = await sessions.launch('playground', ['hits']);
    await client.setBreakpoints(target.source, [{ line: target.line('@hit'), condition: 'i == 4' }]);
    await client.configurationDone();
    const stop = await client.stopped();
    expect(await client.evaluate('i', stop.threadId)).to.equal('4');
  });

  it('says beside the breakpoint what is wrong with a condition', async () => {
    const { client, debuggee: target } = await sessions.launch('playground', ['hits']);
    const [breakpoint] = await client.setBreakpoints(target.source, [{ line: target.line('@hit'), condition: 'nonsense ==' }]);
    expect(breakpoint!.verified).to.equal(false);
    expect(breakpoint!.message).to.match(/nonsense|syntax/);
  });

  for (const [hitCondition, expected] of [
    ['3', [3]],
    ['>=9', [9, 10]],
    ['%4', [4, 8]],
    ['<3', [1, 2]],
  ] as const) {
    it(`counts hits: ${hitCondition}`, async () => {
      const { client, debuggee: target } = await sessions.launch('playground', ['hits']);
      await client.setBreakpoints(target.source, [
        { line: target.line('@hit'), hitCondition },
        { line: target.line('@hitsEnd') },
      ]);
      await client.configurationDone();
      const seen: number[] = [];
      for (;;) {
        const stop = await client.stopped();
        if ((await client.top(stop.threadId)).line === target.line('@hitsEnd')) {
          break;
        }
        seen.push(Number(await client.evaluate('i', stop.threadId)));
        await client.request('continue', { threadId: stop.threadId });
      }
      expect(seen).to.deep.equal(expected);
    });
  }

  it('counts only the hits where the condition holds', async () => {
    const { client, debuggee: target } = await sessions.launch('playground', ['hits']);
    await client.setBreakpoints(target.source, [{ line: target.line('@hit'), condition: 'i % 2 == 0', hitCondition: '3' }]);
    await client.configurationDone();
    const stop = await client.stopped();
    expect(await client.evaluate('i', stop.threadId)).to.equal('6');
  });

  it('refuses a hit condition that is none', async () => {
    const { client, debuggee: target } = await sessions.launch('playground', ['hits']);
    const [breakpoint] = await client.setBreakpoints(target.source, [{ line: target.line('@hit'), hitCondition: 'often' }]);
    expect(breakpoint).to.deep.include({ verified: false });
    expect(breakpoint!.message).to.contain('often');
  });

  it('prints the values in a log message and does not stop', async () => {
    const { client, debuggee: target } = await sessions.launch('playground', ['hits']);
    await client.setBreakpoints(target.source, [
      { line: target.line('@hit'), logMessage: 'round {i}: {word} \\{{watched + 1}\\} {nothing}', condition: 'i <= 2' },
      { line: target.line('@hitsEnd') },
    ]);
    await client.configurationDone();
    const stop = await client.stopped();
    expect((await client.top(stop.threadId)).line).to.equal(target.line('@hitsEnd'));
    const lines = client.output('console').split('\n').filter((line) => line.startsWith('round'));
    expect(lines).to.deep.equal([
      'round 1: "goo" {1} <No symbol "nothing" in current context.>',
      'round 2: "gooo" {2} <No symbol "nothing" in current context.>',
    ]);
  });

  it('keeps a step a step where it passes a log point', async () => {
    const session = await sessions.launch('playground', ['steps']);
    const { client, debuggee: target } = session;
    await session.runTo('@first');
    await client.setBreakpoints(target.source, [{ line: target.line('@twice'), logMessage: 'twice {value}' }]);
    const stop = await session.resume('next');
    expect(stop.reason).to.equal('step');
    await session.standsAt('@second', stop);
    expect(client.output('console')).to.contain('twice 1\n');
  });

  it('stops in a function by name, at each of its instances', async () => {
    const { client } = await sessions.launch('playground', ['steps']);
    const { breakpoints } = await client.request<{ breakpoints: DebugProtocol.Breakpoint[] }>('setFunctionBreakpoints', {
      breakpoints: [{ name: 'shapes::Square::area' }, { name: 'no_such_function' }],
    });
    expect(breakpoints.map(({ verified }) => verified)).to.deep.equal([true, false]);
    await client.configurationDone();
    const stop = await client.stopped();
    expect(stop).to.deep.include({ reason: 'function breakpoint', hitBreakpointIds: [breakpoints[0]!.id] });
    expect((await client.top(stop.threadId)).name).to.contain('area');
  });

  it('stops at an instruction', async () => {
    const session = await sessions.launch('playground', ['steps']);
    const { client } = session;
    const stop = await session.runTo('@first');
    const { stackFrames } = await client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId: stop.threadId });
    const { instructions } = await client.request<DebugProtocol.DisassembleResponse['body'] & object>('disassemble', {
      memoryReference: stackFrames[0]!.instructionPointerReference,
      instructionCount: 3,
    });
    const { breakpoints } = await client.request<{ breakpoints: DebugProtocol.Breakpoint[] }>('setInstructionBreakpoints', {
      breakpoints: [{ instructionReference: instructions[2]!.address }, { instructionReference: '0x10' }],
    });
    expect(breakpoints[0]).to.deep.include({ verified: true });
    expect(breakpoints[1]).to.deep.include({ verified: false, message: 'There is no memory at 0x10. The breakpoint is set as soon as a library brings some.', instructionReference: '0x10' });
    // gdb would not resume with such a one.
    const next = await session.resume();
    expect(next.reason).to.equal('instruction breakpoint');
    const after = await client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId: stop.threadId });
    expect(BigInt(after.stackFrames[0]!.instructionPointerReference!)).to.equal(BigInt(instructions[2]!.address));
  });

  it('stops when a variable changes, and says from what to what', async () => {
    const session = await sessions.launch('playground', ['hits']);
    const { client } = session;
    await session.runTo('@hit');
    const info = await client.request<DebugProtocol.DataBreakpointInfoResponse['body']>('dataBreakpointInfo', { name: 'ratio' });
    expect(info.dataId).to.be.a('string');
    const { breakpoints } = await client.request<{ breakpoints: DebugProtocol.Breakpoint[] }>('setDataBreakpoints', {
      breakpoints: [{ dataId: info.dataId, accessType: 'write' }],
    });
    expect(breakpoints[0]).to.deep.include({ verified: true });
    const stop = await session.resume();
    expect(stop).to.deep.include({ reason: 'data breakpoint', text: '0.5 → 1', hitBreakpointIds: [breakpoints[0]!.id] });
    await client.request('setDataBreakpoints', { breakpoints: [] });
    expect((await session.resume()).reason).to.equal('breakpoint');
  });

  it('shows that the program stands, and why, where it cannot go on after values were to be watched while it ran', async () => {
    // So that gdb finds out when it resumes that there is one more than the processor has room for.
    const session = await sessions.launch('echo', [], { setupCommands: ['set breakpoint always-inserted off'] });
    const { client } = session;
    const type = (text: string) => client.request('evaluate', { expression: text, context: 'repl' });
    await client.setBreakpoints(session.debuggee.source, [{ line: session.debuggee.line('@line') }]);
    await client.configurationDone();
    await client.outputMatching('stdout', /terminal/);
    await type('one');
    const { threadId } = await client.stopped('breakpoint');
    const { frameId } = await client.top(threadId);
    const ids: unknown[] = [];
    for (const name of ['argc', 'argv', 'greeting', 'line[0]', 'line[1]']) {
      ids.push((await client.request<DebugProtocol.DataBreakpointInfoResponse['body']>('dataBreakpointInfo', { name, frameId })).dataId);
    }
    const watch = (some: unknown[]) => client.request('setDataBreakpoints', { breakpoints: some.map((dataId) => ({ dataId })) });
    await client.request('continue', { threadId });
    await client.outputMatching('stdout', /out: one/);
    await watch(ids);
    expect(await client.stopped()).to.include({ reason: 'pause', threadId });
    expect(await client.outputMatching('important', /could not go on/)).to.match(/^The program could not go on\. The processor can watch four places at once/);
    const { stackFrames } = await client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId });
    expect(stackFrames.map(({ name }) => name)).to.include('main');
    await client.request('continue', { threadId });
    expect(await client.stopped(), 'nor can it while they are there').to.include({ reason: 'pause', threadId });
    expect(client.output('important').match(/could not go on/g)).to.have.length(2);
    await watch([]);
    await client.request('continue', { threadId });
    await type('two');
    await client.stopped('breakpoint');
  });

  it('says why a value cannot be watched', async () => {
    const session = await sessions.launch('playground', ['types']);
    const { client } = session;
    const stop = await session.runTo('@types');
    const { frameId } = await client.top(stop.threadId);
    const ask = (name: string) => client.request<DebugProtocol.DataBreakpointInfoResponse['body']>('dataBreakpointInfo', { name, frameId });
    expect((await ask('1 + 1')).dataId).to.equal(null);
    const large = await ask('large');
    expect(large.dataId).to.equal(null);
    expect(large.description).to.contain('20000 bytes');
  });

  it('stops where a C++ exception is thrown and caught, and tells which', async () => {
    const { client } = await sessions.launch('playground', ['throws']);
    await client.request('setExceptionBreakpoints', { filters: ['cpp_throw', 'cpp_catch'] });
    await client.configurationDone();
    const thrown = await client.stopped();
    expect(thrown).to.deep.include({ reason: 'exception', description: 'C++ exception thrown' });
    const info = await client.request<DebugProtocol.ExceptionInfoResponse['body']>('exceptionInfo', { threadId: thrown.threadId });
    expect(info).to.deep.include({ exceptionId: 'C++ exception thrown', breakMode: 'always' });
    expect(info.description).to.equal('std::runtime_error: "thrown on purpose"');
    await client.request('continue', { threadId: thrown.threadId });
    expect(await client.stopped()).to.deep.include({ reason: 'exception', description: 'C++ exception caught' });
  });

  it('sets a breakpoint in a library as soon as the library comes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rollpoint-test-plugin-'));
    try {
      const source = join(folder, 'plugin.cpp');
      const library = join(folder, 'plugin.so');
      writeFileSync(source, 'extern "C" int plugged(int n) {\n  int more = n + 1;\n  return more * 2;\n}\n');
      execFileSync('g++', ['-g', '-O0', '-shared', '-fPIC', '-o', library, source]);
      const { client } = await sessions.launch('playground', ['plugin', library]);
      const [pending] = await client.setBreakpoints(source, [{ line: 3 }]);
      expect(pending).to.deep.include({ verified: false });
      expect(pending!.message).to.contain('library');
      await client.configurationDone();
      const changed = await client.event<{ reason: string; breakpoint: DebugProtocol.Breakpoint }>('breakpoint');
      expect(changed.reason).to.equal('changed');
      expect(changed.breakpoint).to.deep.include({ id: pending!.id, verified: true, line: 3 });
      expect(changed.breakpoint.source?.path).to.equal(source);
      const stop = await client.stopped();
      expect(stop.hitBreakpointIds).to.deep.equal([pending!.id]);
      expect(await client.evaluate('more', stop.threadId)).to.equal('21');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('sets a breakpoint at an instruction of a library as soon as the library comes', async () => {
    const folder = sessions.folder();
    const source = join(folder, 'plugin.cpp');
    const library = join(folder, 'plugin.so');
    writeFileSync(source, 'extern "C" int plugged(int n) {\n  int more = n + 1;\n  return more * 2;\n}\n');
    execFileSync('g++', ['-g', '-O0', '-shared', '-fPIC', '-o', library, source]);
    const former = await sessions.launch('playground', ['plugin', library]);
    await former.client.setBreakpoints(source, [{ line: 3 }]);
    await former.client.configurationDone();
    const { stackFrames } = await former.client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId: (await former.client.stopped()).threadId });
    const instructionReference = `0x${BigInt(stackFrames[0]!.instructionPointerReference!).toString(16)}`;
    type Changed = { reason: string; breakpoint: DebugProtocol.Breakpoint };
    for (const [more, stops] of [
      [{}, true],
      [{ condition: 'n == 20' }, true],
      [{ condition: 'n == 21' }, false],
      [{ condition: 'n == 20', hitCondition: '1' }, true],
      [{ condition: 'nonsense ==' }, true],
    ] as const) {
      const { client } = await sessions.launch('playground', ['plugin', library]);
      const { breakpoints } = await client.request<{ breakpoints: DebugProtocol.Breakpoint[] }>('setInstructionBreakpoints', { breakpoints: [{ instructionReference, ...more }] });
      const { id, message: refusal } = breakpoints[0]!;
      expect(breakpoints[0]).to.deep.include({ verified: false, instructionReference });
      expect(refusal).to.match(/^There is no memory at 0x[0-9a-f]+\. The breakpoint is set as soon as a library brings some\.$/);
      await client.configurationDone();
      const { reason, breakpoint } = await client.event<Changed>('breakpoint');
      expect(reason).to.equal('changed');
      expect(breakpoint).to.deep.include({ id, verified: true, instructionReference });
      if (!stops) {
        await client.event('exited');
        continue;
      }
      const stop = await client.stopped();
      expect(stop).to.deep.include({ reason: 'instruction breakpoint', hitBreakpointIds: [id] });
      expect(await client.evaluate('more', stop.threadId)).to.equal('21');
      if ('condition' in more && more.condition.startsWith('nonsense')) await client.outputMatching('important', /Error in testing .*condition/);
      const cleared = await client.request<object>('setInstructionBreakpoints', { breakpoints: [] });
      expect(cleared).to.deep.equal({ breakpoints: [] });
      await client.request('continue', { threadId: stop.threadId });
      await client.event('exited');
    }
  });

  it('no longer waits for a place that the breakpoint is taken away from', async () => {
    const folder = sessions.folder();
    const library = join(folder, 'plugin.so');
    writeFileSync(join(folder, 'plugin.cpp'), 'extern "C" int plugged(int n) { return n; }\n');
    execFileSync('g++', ['-g', '-O0', '-shared', '-fPIC', '-o', library, join(folder, 'plugin.cpp')]);
    const former = await sessions.launch('playground', ['plugin', library]);
    await former.client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'plugged' }] });
    await former.client.configurationDone();
    const { stackFrames } = await former.client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId: (await former.client.stopped()).threadId });
    const { client } = await sessions.launch('playground', ['plugin', library]);
    await client.request('setInstructionBreakpoints', { breakpoints: [{ instructionReference: stackFrames[0]!.instructionPointerReference }] });
    await client.request('setInstructionBreakpoints', { breakpoints: [] });
    await client.configurationDone();
    await client.event('exited');
    expect(client.events.filter(({ event }) => event === 'breakpoint')).to.deep.equal([]);
  });

  it('sets and clears breakpoints while the program runs, without a stop that the user sees', async () => {
    const { client, debuggee: target } = await sessions.launch('playground', ['spin']);
    await client.configurationDone();
    for (let round = 0; round < 3; round++) {
      const [set] = await client.setBreakpoints(target.source, [{ line: target.line('@spin') }]);
      expect(set).to.deep.include({ verified: true });
      const stop = await client.stopped();
      expect(stop).to.deep.include({ reason: 'breakpoint', threadId: 2 });
      await client.setBreakpoints(target.source, []);
      await client.request('continue', { threadId: stop.threadId });
      await client.setBreakpoints(target.source, [{ line: target.line('@bottom') }]);
      await client.setBreakpoints(target.source, []);
    }
    const stops = client.events.filter(({ event }) => event === 'stopped');
    expect(stops).to.have.length(3);
  });

  it('keeps the ids of breakpoints that stay', async () => {
    const { client, debuggee: target } = await sessions.launch('playground', ['hits']);
    const [first] = await client.setBreakpoints(target.source, [{ line: target.line('@hit') }]);
    const [again, other] = await client.setBreakpoints(target.source, [{ line: target.line('@hit') }, { line: target.line('@hitsEnd') }]);
    expect(again!.id).to.equal(first!.id);
    expect(other!.id).not.to.equal(first!.id);
  });

  it('tells two programs of the same file name apart by path', async () => {
    const { client } = await sessions.launch('playground', ['hits']);
    const [elsewhere] = await client.setBreakpoints(join(tmpdir(), 'elsewhere', 'playground.cpp'), [{ line: debuggee('playground').line('@hit') }]);
    expect(elsewhere!.verified).to.equal(false);
  });

  it('stops where Rust panics', async () => {
    const { client } = await sessions.launch('panics');
    await client.request('setExceptionBreakpoints', { filters: ['rust_panic'] });
    await client.configurationDone();
    const stop = await client.stopped();
    expect(stop).to.deep.include({ reason: 'exception', description: 'Rust panic', threadId: 2 });
    const { stackFrames } = await client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId: 2 });
    expect(stackFrames.map(({ name }) => name).join()).to.contain('panics::divide');
    await client.request('continue', { threadId: 2 });
    expect(await client.event('exited')).to.deep.equal({ exitCode: 0 });
  });

  it('leaves the children of the program in peace', async () => {
    const { client, debuggee: target } = await sessions.launch('forks');
    await client.setBreakpoints(target.source, [{ line: target.line('@work') }]);
    await client.configurationDone();
    const stop = await client.stopped();
    expect(await client.evaluate('n', stop.threadId)).to.equal('5');
    expect(client.output('stdout')).to.equal('child 8\n');
    await client.request('continue', { threadId: stop.threadId });
    expect(await client.event('exited')).to.deep.equal({ exitCode: 0 });
  });

  it('keeps breakpoints over an exec', async () => {
    const counter = debuggee('counter');
    const { client } = await sessions.launch('endings', ['exec', counter.program, '2']);
    const [pending] = await client.setBreakpoints(counter.source, [{ line: counter.line('@end') }]);
    expect(pending!.verified).to.equal(false);
    await client.configurationDone();
    const stop = await client.stopped();
    expect(stop.reason).to.equal('breakpoint');
    expect((await client.top(stop.threadId)).line).to.equal(counter.line('@end'));
    expect(await client.evaluate('ticks', stop.threadId)).to.equal('2');
  });

  it('finds a source that the client knows by another path', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rollpoint-test-link-'));
    try {
      const { client, debuggee: target } = await sessions.launch('playground', ['hits']);
      const link = join(folder, 'elsewhere');
      symlinkSync(dirname(target.source), link);
      const [breakpoint] = await client.setBreakpoints(join(link, basename(target.source)), [{ line: target.line('@hit') }]);
      expect(breakpoint).to.deep.include({ verified: true });
      expect(breakpoint!.source?.path).to.equal(join(link, basename(target.source)));
      await client.configurationDone();
      expect((await client.stopped()).hitBreakpointIds).to.deep.equal([breakpoint!.id]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
