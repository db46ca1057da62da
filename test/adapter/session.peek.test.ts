// Snapshots on screen while the process stays: what is shown is what was there when they were taken and what a restore
// gives, and meanwhile no thread of the process has run.
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { DapClient, ThreadStop } from '../support/dapClient';
import { list, Sessions } from '../support/sessions';


/** How often each thread has been given a processor, and its page faults: both stand still while it does. */
function runs(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((tid) => {
    const status = readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8');
    return `${tid} ${/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)![1]} ${/^nonvoluntary_ctxt_switches:\s*(\d+)/m.exec(status)![1]}`;
  });
}

/** All that a client shows at a stop: threads, stacks, locals two levels deep, registers. Ids of the moment left out. */
async function picture(client: DapClient): Promise<object> {
  const { threads } = await client.request<DebugProtocol.ThreadsResponse['body']>('threads');
  const drawn = [];
  for (const { id, name } of threads) {
    const { stackFrames } = await client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId: id });
    const frames = [];
    for (const frame of stackFrames.slice(0, 4)) {
      const { scopes } = await client.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId: frame.id });
      const locals = [];
      for (const [local, { value, type, variablesReference }] of frame.source ? await client.children(scopes[0]!.variablesReference) : []) {
        const inner = variablesReference ? [...(await client.children(variablesReference))].map(([child, row]) => `${child} = ${row.value}`) : [];
        locals.push({ local, value, type, inner });
      }
      const registers = frame.id === stackFrames[0]?.id ? [...(await client.children(scopes[1]!.variablesReference))].map(([register, { value }]) => `${register} ${value}`) : [];
      frames.push({ name: frame.name, line: frame.line, locals, registers: registers.filter((line) => !/^(orig_rax|rax|rip|eflags) /.test(line)) });
    }
    drawn.push({ name, frames, depth: stackFrames.length });
  }
  return drawn.sort((a, b) => a.name.localeCompare(b.name));
}

describe('peek', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  const peek = async (client: DapClient, id: number | null): Promise<ThreadStop> => {
    expect(await client.request('rollpoint/peekSnapshot', { id })).to.deep.equal({});
    return client.stopped('goto');
  };
  const restore = async (client: DapClient, id: number): Promise<ThreadStop> => {
    await client.request('rollpoint/restoreSnapshot', { id });
    return client.stopped('goto');
  };
  const pidOf = async (client: DapClient) => (await client.event<{ systemProcessId: number }>('process')).systemProcessId;

  for (const [name, args, marker, rounds] of [
    ['counter', ['9'], '@tick', 4],
    ['collections', [], '@round', 4],
    ['threads10', ['9'], '@step', 3],
  ] as const) {
    it(`shows every snapshot as it was, and as a restore gives it: ${name}`, async () => {
      const session = await sessions.launch(name, [...args], { snapshots: {} });
      const { client } = session;
      const pid = await pidOf(client);
      const pictures = new Map<number, object>();
      for (let round = 0; round < rounds; round++) {
        await (round === 0 ? session.runTo(marker) : session.resume());
        pictures.set((await list(client)).current!, await picture(client));
      }
      await session.resume('next');
      const present = await picture(client);
      const before = runs(pid);
      for (const id of [2, 1, 3]) {
        const stop = await peek(client, id);
        expect(stop.description).to.equal(`Viewing snapshot ${id}`);
        expect(await list(client)).to.include({ peeking: id, current: rounds });
        expect(await picture(client), `snapshot ${id}`).to.deep.equal(pictures.get(id));
      }
      const back = await peek(client, null);
      expect(back.description).to.equal('Back in the present');
      expect(await picture(client), 'the present').to.deep.equal(present);
      expect((await list(client)).peeking).to.equal(null);
      expect(runs(pid), 'no thread has run').to.deep.equal(before);
      for (const id of [3, 1]) {
        await restore(client, id);
        expect(await picture(client), `restored ${id}`).to.deep.equal(pictures.get(id));
      }
    });
  }

  it('goes on from the snapshot that is shown: the present is kept, then it runs', async () => {
    const session = await sessions.launch('counter', ['9'], { snapshots: {} });
    const { client } = session;
    await session.runTo('@tick');
    await session.resume();
    await session.resume();
    const { threadId } = await session.resume('next');
    await peek(client, 1);
    const on = await session.resume();
    expect(on.reason).to.equal('breakpoint');
    expect(await client.evaluate('ticks', threadId)).to.equal('2');
    const { snapshots, peeking, current } = await list(client);
    expect(peeking).to.equal(null);
    expect(snapshots.map(({ id, parent, reason }) => [id, parent, reason])).to.deep.equal([
      [1, null, 'breakpoint'], [2, 1, 'breakpoint'], [3, 2, 'breakpoint'], [4, 3, 'restore'], [5, 1, 'breakpoint'],
    ]);
    expect(current).to.equal(5);
    expect(snapshots[3]!.location?.line).to.equal(session.debuggee.line('@tick') + 1);
    await restore(client, 4);
    expect(await client.evaluate('ticks', threadId)).to.equal('3');
  });

  for (const command of ['next', 'stepIn', 'stepOut'] as const) {
    it(`steps from the snapshot that is shown: ${command}`, async () => {
      const session = await sessions.launch('counter', ['9'], { snapshots: {} });
      const { client, debuggee } = session;
      const { threadId } = await session.runTo(command === 'stepOut' ? '@add' : '@sum');
      await session.resume();
      await session.resume();
      await peek(client, 1);
      const stop = await session.resume(command);
      expect(stop.reason).to.equal('step');
      const { line, name } = await client.top(threadId);
      expect([name, line]).to.deep.equal({ next: ['main', debuggee.line('@sum') + 1], stepIn: ['add', debuggee.line('@add')], stepOut: ['main', debuggee.line('@sum')] }[command]);
      expect((await list(client)).peeking).to.equal(null);
      if (command !== 'stepIn') {
        expect(await client.evaluate('ticks', threadId)).to.equal('1');
      }
    });
  }

  it('changes a variable of the snapshot that is shown, after it has restored it', async () => {
    const session = await sessions.launch('counter', ['9'], { snapshots: {} });
    const { client } = session;
    const { threadId } = await session.runTo('@tick');
    await session.resume();
    await session.resume();
    const change: ((frameId: number) => Promise<unknown>)[] = [
      async (frameId) => {
        const { scopes } = await client.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId });
        await client.children(scopes[0]!.variablesReference);
        return client.request('setVariable', { variablesReference: scopes[0]!.variablesReference, name: 'ticks', value: '70' });
      },
      (frameId) => client.request('setExpression', { expression: 'ticks', value: '70', frameId }),
      (frameId) => client.request('evaluate', { expression: 'ticks = 70', frameId, context: 'repl' }),
      (frameId) => client.request('evaluate', { expression: '-exec set var ticks = 70', frameId, context: 'repl' }),
      async (frameId) => {
        const { result } = await client.request<{ result: string }>('evaluate', { expression: '&ticks', frameId, context: 'watch' });
        return client.request('writeMemory', { memoryReference: /0x[0-9a-f]+/.exec(result)![0], data: Buffer.from([70, 0, 0, 0]).toString('base64') });
      },
    ];
    for (const set of change) {
      await peek(client, 1);
      const { frameId } = await client.top(threadId);
      await set(frameId);
      expect((await client.stopped('goto')).description).to.equal('Restored snapshot 1');
      expect(await client.evaluate('ticks', threadId)).to.equal('70');
      expect(await list(client)).to.include({ peeking: null, current: 1 });
      await restore(client, 3);
      expect(await client.evaluate('ticks', threadId)).to.equal('3');
    }
  });

  it('reads the bytes of any snapshot', async () => {
    const session = await sessions.launch('counter', ['9'], { snapshots: {} });
    const { client } = session;
    const { threadId } = await session.runTo('@tick');
    await session.resume();
    const address = /0x[0-9a-f]+/.exec(await client.evaluate('&total', threadId))![0];
    const read = async (id: number | null) => {
      const { data } = await client.request<{ data: string }>('rollpoint/readSnapshotMemory', { id, address, count: 4 });
      return Buffer.from(data, 'base64').readInt32LE();
    };
    expect([await read(1), await read(2), await read(null)]).to.deep.equal([1, 3, 3]);
    expect(await client.request('rollpoint/readSnapshotMemory', { id: 1, address: '0x10', count: 8 })).to.deep.equal({ address: '0x10', data: '', unreadableBytes: 8 });
    expect((await client.raw('rollpoint/readSnapshotMemory', { id: 7, address, count: 4 })).message).to.equal('There is no snapshot 7.');
  });

  it('shows bytes and instructions of the moment, and says that those shown before are others now', async () => {
    const session = await sessions.launch('counter', ['9'], { snapshots: {} });
    const { client } = session;
    const { threadId } = await session.runTo('@tick');
    await session.resume();
    const { frameId } = await client.top(threadId);
    const row = await client.request<DebugProtocol.EvaluateResponse['body']>('evaluate', { expression: '&total', frameId, context: 'watch' });
    const memoryReference = row.memoryReference!;
    const bytes = async (): Promise<number> => {
      const { data } = await client.request<{ data: string }>('readMemory', { memoryReference, offset: 0, count: 4 });
      return Buffer.from(data, 'base64').readInt32LE();
    };
    const instruction = async () => {
      const { stackFrames } = await client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId, levels: 1 });
      const { instructions } = await client.request<{ instructions: DebugProtocol.DisassembledInstruction[] }>('disassemble', {
        memoryReference: stackFrames[0]!.instructionPointerReference, instructionCount: 1,
      });
      return instructions[0]!;
    };
    const told = async () => expect(await client.event<object>('memory')).to.deep.equal({ memoryReference, offset: 0, count: 4 });
    expect(await bytes()).to.equal(3);
    await session.resume('next');
    await told();
    const present = await instruction();
    await peek(client, 1);
    await told();
    expect(await bytes()).to.equal(1);
    expect(await instruction()).to.not.deep.equal(present);
    await peek(client, null);
    await told();
    expect(await bytes()).to.equal(3);
    expect(await instruction()).to.deep.equal(present);
    await client.request('evaluate', { expression: 'total = 70', frameId: (await client.top(threadId)).frameId, context: 'repl' });
    await told();
    expect(await bytes()).to.equal(70);
    await restore(client, 1);
    await told();
    expect(await bytes()).to.equal(1);
  });

  it('refuses to call functions in the past, in words, and calls them again in the present', async () => {
    const session = await sessions.launch('counter', ['9'], { snapshots: {} });
    const { client } = session;
    const { threadId } = await session.runTo('@tick');
    await session.resume();
    await peek(client, 1);
    const { frameId } = await client.top(threadId);
    const refused = await client.raw('evaluate', { expression: 'add(1, 2)', frameId, context: 'repl' });
    expect(refused.message).to.equal('Snapshot 1 is on screen, and functions of the program can be called in the present only: return to it, or go on from here.');
    await peek(client, null);
    expect(await client.evaluate('add(1, 2)', threadId)).to.equal('3');
    await peek(client, 1);
    await restore(client, 1);
    expect(await client.evaluate('add(1, 2)', threadId)).to.equal('3');
  });

  it('takes, restores, deletes and sets breakpoints meanwhile', async () => {
    const session = await sessions.launch('counter', ['9'], { snapshots: {} });
    const { client, debuggee } = session;
    const { threadId } = await session.runTo('@tick');
    await session.resume();
    await session.resume('next');
    await peek(client, 1);
    const { snapshot } = await client.request<{ snapshot: { id: number; location: { line: number } } }>('rollpoint/takeSnapshot', { label: 'of the present' });
    expect(snapshot).to.deep.include({ id: 3, parent: 2 });
    expect(snapshot.location.line).to.equal(debuggee.line('@tick') + 1);
    expect(await list(client)).to.include({ peeking: 1, current: 3 });
    const kept = await client.raw('rollpoint/deleteSnapshot', { id: 1 });
    expect(kept.message).to.equal('Snapshot 1 is on screen: return to the present first.');
    const unknown = await client.raw('rollpoint/peekSnapshot', { id: 9 });
    expect(unknown.message).to.equal('There is no snapshot 9.');
    expect(await client.evaluate('ticks', threadId)).to.equal('1');
    await client.setBreakpoints(debuggee.source, [{ line: debuggee.line('@sum') }]);
    await peek(client, 2);
    expect(await client.evaluate('ticks', threadId)).to.equal('2');
    await peek(client, null);
    const at = await session.resume();
    await session.standsAt('@sum', at);
    expect(await client.evaluate('ticks', threadId)).to.equal('3');
    await peek(client, 2);
    await restore(client, 1);
    expect(await list(client)).to.include({ peeking: null, current: 1 });
    await session.standsAt('@sum', await session.resume());
    expect(await client.evaluate('ticks', threadId)).to.equal('2');
  });

  it('lets no thread stand as having gone somewhere when another one does', async () => {
    const session = await sessions.launch('turns', [], { snapshots: {} });
    const { client } = session;
    const first = await session.runTo('@carry');
    const second = await session.resume();
    const third = await session.resume();
    expect(new Set([first, second, third].map(({ threadId }) => threadId)).size).to.equal(3);
    const told: string[] = [];
    const look = async (id: number | null): Promise<void> => {
      const before = client.events.length;
      const { threadId } = await peek(client, id);
      for (const { event, body } of client.events.slice(before)) {
        if (event === 'continued') {
          expect(body).to.include({ allThreadsContinued: false });
          told.push(`not ${(body as ThreadStop).threadId}`);
        }
        if (event === 'stopped') told.push(`${(body as ThreadStop).description} in ${threadId}`);
      }
    };
    for (const id of [1, 2, 1, null]) await look(id);
    expect(told).to.deep.equal([
      `Viewing snapshot 1 in ${first.threadId}`,
      `not ${first.threadId}`,
      `Viewing snapshot 2 in ${second.threadId}`,
      `not ${second.threadId}`,
      `Viewing snapshot 1 in ${first.threadId}`,
      `not ${first.threadId}`,
      `Back in the present in ${third.threadId}`,
    ]);
    const last = await session.resume();
    expect(last.threadId).to.equal(first.threadId);
    expect(client.events.filter(({ event, body }) => event === 'continued' && (body as ThreadStop).threadId === third.threadId)).to.have.length(1);
  });

  it('knows every thread as it was then, once what is shown has become the present', async () => {
    const session = await sessions.launch('turns', [], { snapshots: {} });
    const { client } = session;
    const first = await session.runTo('@carry');
    await session.resume();
    const third = await session.resume();
    const { threads } = await client.request<DebugProtocol.ThreadsResponse['body']>('threads');
    for (const { id } of threads) await client.top(id);
    expect((await client.top(third.threadId)).name).to.equal('carry');
    await peek(client, 1);
    await client.request('setExpression', { expression: 'load', value: '7', frameId: (await client.top(first.threadId)).frameId });
    expect((await client.stopped('goto')).description).to.equal('Restored snapshot 1');
    expect((await client.top(third.threadId)).name).to.not.equal('carry');
    expect((await client.top(first.threadId)).name).to.equal('carry');
    expect(await client.evaluate('load', first.threadId)).to.equal('7');
  });

  it('steps back from what is shown', async () => {
    const session = await sessions.launch('counter', ['9'], { snapshots: {} });
    const { client } = session;
    const { threadId } = await session.runTo('@tick');
    for (let round = 0; round < 3; round++) {
      await session.resume();
    }
    await peek(client, 3);
    await client.request('stepBack', { threadId });
    expect((await client.stopped('goto')).description).to.equal('Restored snapshot 2');
    expect(await client.evaluate('ticks', threadId)).to.equal('2');
  });

  it('shows the time before a library was loaded', async () => {
    const session = await sessions.launch('playground', ['plugin', 'libplugin.so'], { snapshots: {} });
    const { client, debuggee } = session;
    await session.runTo('@beforePlugin');
    const early = await picture(client);
    const stop = await session.runTo('@return');
    await peek(client, 1);
    expect(await picture(client)).to.deep.equal(early);
    await peek(client, null);
    await session.standsAt('@return', stop);
    expect(debuggee.program).to.include('playground');
  });

  it('ends as told while the past is on screen', async () => {
    for (const how of ['terminate', 'disconnect', 'killed'] as const) {
      const session = await sessions.launch('counter', ['9'], { snapshots: { auto: how === 'killed' ? 'breakpoints' : 'breakpoints' } });
      const { client } = session;
      const pid = await pidOf(client);
      const { threadId } = await session.runTo('@tick');
      await session.resume();
      await peek(client, 1);
      if (how === 'killed') {
        process.kill(pid, 'SIGKILL');
        expect((await client.stopped('goto')).description).to.match(/^Restored snapshot 2/);
        expect(await client.evaluate('ticks', threadId)).to.equal('2');
        expect(await list(client)).to.include({ peeking: null, current: 2 });
      } else {
        await client.request(how, how === 'disconnect' ? { terminateDebuggee: true } : {});
        await client.event('terminated');
      }
    }
  });
});
