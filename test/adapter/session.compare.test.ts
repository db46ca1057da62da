// Two snapshots side by side: typed values, memory, threads, descriptors and files, and nothing that has not changed.
import { expect } from 'chai';
import type { Comparison, Moment } from '../../adapter/protocol';
import type { DapClient } from '../support/dapClient';
import { list, Sessions } from '../support/sessions';

const compare = (client: DapClient, from: Moment, to: Moment, watches?: string[]) =>
  client.request<Comparison>('rollpoint/compareSnapshots', { from, to, ...(watches && { watches }) });

describe('compare', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  it('tells the typed values that differ, and their bytes', async () => {
    const session = await sessions.launch('counter', ['9'], { snapshots: {} });
    const { client } = session;
    const { threadId } = await session.runTo('@tick');
    await session.resume();
    const { frameId } = await client.top(threadId);
    await client.request('setExpression', { expression: 'ticks', value: '5', frameId });
    const address = /0x[0-9a-f]+/.exec(await client.evaluate('&total', threadId))![0];
    const { variables, regions, threads, descriptors, files } = await compare(client, 1, 2, ['ticks * 10', 'last']);
    const told = new Map(variables.map((change) => [`${change.scope} ${change.name}`, [change.from, change.to]]));
    expect(Object.fromEntries(told)).to.deep.include({
      'local ticks': ['1', '2'],
      'global total': ['1', '3'],
      'watch ticks * 10': ['10', '20'],
      'local text': ['"tick number 1"', '"tick number 2"'],
    });
    expect([...told.keys()]).to.include.members(['local squares', 'local byName', 'local record']);
    for (const same of ['local last', 'watch last', 'local argc']) {
      expect([...told.keys()]).not.to.include(same);
    }
    expect(variables.find(({ name }) => name === 'ticks')).to.deep.include({ type: 'int', threadId, function: 'main' });
    const region = regions.find(({ change, start, end }) => change === 'changed' && BigInt(start) <= BigInt(address) && BigInt(address) < BigInt(end))!;
    expect(region.ranges).to.deep.include({ address, length: 1 });
    expect(region.protection).to.deep.equal({ from: 'rw-p', to: 'rw-p' });
    expect([threads, files]).to.deep.equal([[], []]);
    expect(descriptors).to.deep.equal([]);
    expect(await compare(client, 2, 2)).to.deep.equal({ variables: [], regions: [], threads: [], descriptors: [], files: [] });
    // The present, with what the user has changed in it.
    const now = await compare(client, 2, null);
    expect(now.variables.map(({ name, from, to }) => [name, from, to])).to.deep.equal([['ticks', '2', '5']]);
    const back = await compare(client, null, 2);
    expect(back.variables.map(({ name, from, to }) => [name, from, to])).to.deep.equal([['ticks', '5', '2']]);
    expect((await list(client)).snapshots).to.have.length(2);
    expect(await client.evaluate('ticks', threadId)).to.equal('5');
    await session.resume();
    const { snapshots } = await list(client);
    expect(snapshots.at(-1)!.parent).to.equal(2);
    await client.request('rollpoint/restoreSnapshot', { id: 2 });
    await client.stopped('goto');
    expect(await client.evaluate('ticks', threadId)).to.equal('2');
  });

  it('compares the outcomes of two branches: what if a variable had been another', async () => {
    const session = await sessions.launch('counter', ['4'], { snapshots: {} });
    const { client } = session;
    await session.runTo('@tick');
    const { threadId } = await session.runTo('@end');
    await client.request('rollpoint/peekSnapshot', { id: 1 });
    await client.stopped('goto');
    const { frameId } = await client.top(threadId);
    await client.request('setExpression', { expression: 'total', value: '100', frameId });
    await client.stopped('goto');
    await session.resume();
    await session.standsAt('@end', { threadId } as Awaited<ReturnType<typeof session.resume>>);
    const { snapshots, current } = await list(client);
    expect(snapshots.find(({ id }) => id === current)).to.deep.include({ parent: 1 });
    const { variables } = await compare(client, 2, current);
    expect(variables.map(({ name, from, to }) => [name, from, to])).to.deep.equal([['total', '10', '109']]);
  });

  it('tells threads that were born and have moved, and the values of the frames they share', async () => {
    const session = await sessions.launch('threads10', ['20'], { snapshots: {} });
    const { client } = session;
    await session.runTo('@step');
    for (let step = 0; step < 3; step++) {
      await session.resume();
    }
    const { variables, threads, regions } = await compare(client, 1, 4);
    expect(variables.find(({ scope, name }) => scope === 'global' && name === 'step')).to.include({ from: '1', to: '4' });
    expect(variables.find(({ scope, name, from }) => scope === 'local' && name === 'number' && from === '1')).to.include({ to: '4', function: 'at_step' });
    expect(regions.map(({ change }) => change)).to.include.members(['added', 'changed']);
    expect(threads.every(({ change, from, to }) => (change === 'added' ? from === null : change === 'removed' ? to === null : from !== null && to !== null))).to.equal(true);
    const before = await compare(client, 4, 1);
    expect(before.threads.map(({ tid }) => tid)).to.deep.equal(threads.map(({ tid }) => tid));
  });

  it('compares with a moment at which the thread on screen had ended', async () => {
    const session = await sessions.launch('turns', [], { snapshots: {} });
    const { client } = session;
    await session.runTo('@carry');
    await session.runTo('@joined');
    await client.request('rollpoint/restoreSnapshot', { id: 1 });
    const { threadId } = await client.stopped();
    const { variables, threads } = await compare(client, 1, 2, ['turn * 2']);
    const told = Object.fromEntries(variables.map((change) => [`${change.scope} ${change.name}`, [change.from, change.to]]));
    expect(told).to.deep.include({ 'global total': ['0', '192'], 'watch turn * 2': ['0', '24'] });
    expect(threads).to.have.length.at.least(3);
    const { points } = await client.request<{ points: { value: string }[] }>('rollpoint/valueHistory', { expression: 'total', from: 1, to: 2 });
    expect(points.map(({ value }) => value)).to.deep.equal(['0', '192']);
    expect(await client.evaluate('load', threadId), 'the thread afterwards').to.equal('0');
  });

  it('tells the values of threads that have ended since, and where they stood', async () => {
    const folder = sessions.folder();
    const session = await sessions.launch('ferry', [folder], { snapshots: {} });
    const { client, debuggee } = session;
    await client.setBreakpoints(debuggee.source, ['@boarding', '@port'].map((marker) => ({ line: debuggee.line(marker) })));
    await client.configurationDone();
    const { threadId } = await client.stopped();
    for (let stops = 1; stops < 3; stops++) await session.resume();
    const ringing = (all: Comparison['variables']) => all.filter((change) => change.function === 'ferry::ring').map(({ name, from, to }) => [name, from, to]);
    for (const shown of [null, 1, 3]) {
      await client.request('rollpoint/peekSnapshot', { id: shown });
      await client.stopped('goto');
      const within = await compare(client, 1, 2, ['boarding']);
      expect(ringing(within.variables)).to.deep.equal([['strokes', '1', '2']]);
      const tid = within.variables.find((change) => change.function === 'ferry::ring')!.tid;
      const between = await compare(client, 2, shown === 1 ? null : 3, ['boarding']);
      expect(between.variables.find(({ scope }) => scope === 'watch')).to.include({ from: '5', to: '15' });
      expect(between.threads.find((thread) => thread.tid === tid)).to.include({ change: 'removed', to: null });
      expect(between.threads.filter(({ change }) => change !== 'moved').map(({ from, to }) => (from ?? to)?.name)).to.not.include(undefined);
      const { points } = await client.request<{ points: { value: string }[] }>('rollpoint/valueHistory', { expression: 'TOLLED.v.value', to: 3 });
      expect(points).to.have.length(3);
    }
    // In the frame of a thread that is there at the first two only, and in those of its like.
    await client.request('rollpoint/peekSnapshot', { id: 2 });
    await client.stopped('goto');
    const { threads } = await client.request<{ threads: { id: number }[] }>('threads');
    const ringer = threads.find(({ id }) => id !== threadId)!;
    const { stackFrames } = await client.request<{ stackFrames: { id: number; name: string }[] }>('stackTrace', { threadId: ringer.id });
    const { id: frameId } = stackFrames.find(({ name }) => name === 'ferry::ring')!;
    const strokes = async () => (await client.request<{ points: { value: string; message?: string }[] }>('rollpoint/valueHistory', { expression: 'strokes', from: 1, to: 3, frameId })).points;
    expect((await strokes()).map(({ value, message }) => value ?? message)).to.deep.equal(['1', '2', '11']);
  });

  it('tells files and descriptors', async () => {
    const folder = sessions.folder();
    const session = await sessions.launch('files', [], { snapshots: {}, cwd: folder });
    const { client } = session;
    await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'at_armed' }, { name: 'at_changed' }] });
    await client.configurationDone();
    const { threadId } = await client.stopped();
    await client.request('continue', { threadId });
    await client.stopped();
    const { files, descriptors } = await compare(client, 1, 2);
    expect(files.map(({ change }) => change)).to.include.members(['created', 'removed', 'changed']);
    expect(files.every(({ path }) => path.startsWith(folder))).to.equal(true);
    expect(descriptors).not.to.deep.equal([]);
    expect(descriptors.map(({ from, to }) => from ?? to).join('\n')).to.match(/, (reading|writing|reading and writing)/);
  });

  it('compares what a Rust program holds', async () => {
    const session = await sessions.launch('collections', [], { snapshots: {} });
    const { client } = session;
    await session.runTo('@round');
    await session.resume();
    const { variables } = await compare(client, 1, 2);
    expect(variables.find(({ name }) => name === 'total')).to.include({ from: '3', to: '7' });
    expect(variables.map(({ name }) => name)).to.include.members(['numbers', 'names', 'text']);
  });
});
