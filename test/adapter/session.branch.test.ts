// What if: a snapshot restored with other values, run on from there, and the branch that was left as it was.
import { expect } from 'chai';
import type { Assignment, Comparison, Requests } from '../../adapter/protocol';
import type { DapClient } from '../support/dapClient';
import { sample } from '../support/samples';
import { list, type Session, Sessions } from '../support/sessions';

type Branch = Requests['rollpoint/branchWith'];

const set = (...pairs: [expression: string, value: string][]): Assignment[] => pairs.map(([expression, value]) => ({ expression, value }));
const branch = (client: DapClient, args: Branch['args']) => client.request<Branch['result']>('rollpoint/branchWith', args);
const differences = async (client: DapClient, from: number | null, to: number | null) => {
  const { variables } = await client.request<Comparison>('rollpoint/compareSnapshots', { from, to });
  return variables.map(({ name, from: was, to: is }) => [name, was, is]);
};

describe('what if', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  /** Three snapshots at @tick. */
  const threeTicks = async (more: object = {}): Promise<{ session: Session; client: DapClient; threadId: number }> => {
    const session = await sessions.launch('counter', ['5'], { snapshots: {}, ...more });
    const { threadId } = await session.runTo('@tick');
    await session.resume();
    await session.resume();
    return { session, client: session.client, threadId };
  };

  it('runs on to the next breakpoint, and the outcomes can be compared', async () => {
    const { session, client, threadId } = await threeTicks();
    expect(await branch(client, { id: 1, assignments: set(['total', '100'], ['ticks', 'ticks + 1']) })).to.deep.equal({ left: 3 });
    await session.standsAt('@tick', await client.stopped('breakpoint'));
    expect(await client.evaluate('ticks', threadId)).to.equal('3');
    expect(await client.evaluate('total', threadId)).to.equal('103');
    const { snapshots, current } = await list(client);
    expect(snapshots.map(({ id, parent }) => [id, parent])).to.deep.equal([[1, null], [2, 1], [3, 2], [4, 1]]);
    expect(current).to.equal(4);
    expect(await differences(client, 3, 4)).to.deep.include.members([['total', '6', '103']]);
    await client.request('rollpoint/restoreSnapshot', { id: 3 });
    await client.stopped('goto');
    expect(await client.evaluate('total', threadId), 'the branch that was left').to.equal('6');
  });

  it('runs to the end past the breakpoints, which are there again then', async () => {
    const { session, client, threadId } = await threeTicks();
    await branch(client, { id: 2, assignments: set(['total', '1000']), until: 'end' });
    const { description } = await client.stopped('exit');
    expect(description).to.equal('About to exit with code 0');
    expect(await client.evaluate('total', threadId)).to.equal('1012');
    expect((await list(client)).snapshots.map(({ parent }) => parent)).to.deep.equal([null, 1, 2, 2]);
    await client.request('rollpoint/restoreSnapshot', { id: 3 });
    await client.stopped('goto');
    await session.standsAt('@tick', await session.resume());
    expect(await client.evaluate('total', threadId)).to.equal('10');
  });

  it('stays at the snapshot, and keeps what the program was', async () => {
    const { session, client, threadId } = await threeTicks();
    await session.resume('next');
    const { left } = await branch(client, { id: 1, assignments: set(['total', '7']), until: 'stay' });
    expect((await client.stopped('goto')).description).to.equal('Restored snapshot 1');
    expect([await client.evaluate('ticks', threadId), await client.evaluate('total', threadId)]).to.deep.equal(['1', '7']);
    const { snapshots, current } = await list(client);
    expect(current).to.equal(1);
    expect(snapshots.find(({ id }) => id === left)).to.include({ reason: 'restore', parent: 3 });
    expect(await differences(client, 1, null)).to.deep.equal([['total', '1', '7']]);
  });

  it('stops where the user pauses it, with the breakpoints there again', async () => {
    const session = await sessions.launch('echo', [], { snapshots: {} });
    const { client } = session;
    const say = (text: string) => client.request('evaluate', { expression: text, context: 'repl' });
    await client.setBreakpoints(session.debuggee.source, [{ line: session.debuggee.line('@line') }]);
    await client.configurationDone();
    await client.outputMatching('stdout', /terminal/);
    await say('one');
    const { threadId } = await client.stopped('breakpoint');
    // It waits for more to read, for ever.
    await branch(client, { id: 1, assignments: set(['line[0]', "'O'"]), until: 'end' });
    await client.outputMatching('stdout', /out: One/);
    await client.request('pause', { threadId });
    await client.stopped('pause');
    await client.request('continue', { threadId });
    await say('two');
    await session.standsAt('@line', await client.stopped('breakpoint'));
  });

  it('means the innermost frame that knows the expression, or the one that is given', async () => {
    const session = await sessions.launch('counter', ['5'], { snapshots: {} });
    const { client } = session;
    const { threadId } = await session.runTo('@add');
    await branch(client, { id: 1, assignments: set(['ticks', '3'], ['b', '40']) });
    await session.standsAt('@add', await client.stopped('breakpoint'));
    expect(await client.evaluate('total', threadId)).to.equal('40');
    expect(await client.evaluate('b', threadId)).to.equal('4');
    await client.request('rollpoint/peekSnapshot', { id: 1 });
    await client.stopped('goto');
    const { stackFrames } = await client.request<{ stackFrames: { id: number }[] }>('stackTrace', { threadId });
    await branch(client, { id: 1, assignments: set(['ticks', '4']), frameId: stackFrames[1]!.id, until: 'stay' });
    await client.stopped('goto');
    expect((await client.raw('rollpoint/branchWith', { id: 1, assignments: set(['sum', '4']), frameId: await outer(client, threadId) })).message).to.equal(
      '"sum = 4" cannot be set at snapshot 1: No symbol "sum" in current context.',
    );
  });

  const outer = async (client: DapClient, threadId: number): Promise<number> =>
    (await client.request<{ stackFrames: { id: number }[] }>('stackTrace', { threadId })).stackFrames[1]!.id;

  it('leaves the program where it is when the values cannot be set', async () => {
    const { session, client, threadId } = await threeTicks();
    await session.resume('next');
    const failure = async (args: object) => (await client.raw('rollpoint/branchWith', { id: 1, ...args })).message;
    expect(await failure({ assignments: set(['nothing', '1']) })).to.equal('"nothing = 1" cannot be set at snapshot 1: No symbol "nothing" in current context.');
    expect(await failure({ assignments: set(['total', 'nowhere']) })).to.equal('"total = nowhere" cannot be set at snapshot 1: No symbol "nowhere" in current context.');
    expect(await failure({ id: 9, assignments: set(['total', '1']) })).to.equal('There is no snapshot 9.');
    expect(await failure({ assignments: set(['total', ' ']) })).to.equal('Give "assignments": a list of { "expression", "value" }.');
    expect(await failure({ assignments: set(['total', '1']), until: 'later' })).to.equal('"until" has to be "breakpoint", "end" or "stay".');
    expect(await list(client)).to.include({ current: 3 });
    expect((await list(client)).snapshots, 'nothing had to be kept').to.have.length(3);
    const line = (await client.top(threadId)).line;
    // Only the attempt can tell.
    expect(await failure({ assignments: set(['total', '5'], ['record', '1']) })).to.match(/^gdb can set numbers, .*\. The program is where it was\.$/);
    await client.stopped('goto');
    expect([await client.evaluate('ticks', threadId), await client.evaluate('total', threadId), (await client.top(threadId)).line]).to.deep.equal(['3', '6', line]);
    expect((await list(client)).snapshots.map(({ reason }) => reason), 'of the attempt nothing is kept').to.deep.equal(['breakpoint', 'breakpoint', 'breakpoint', 'restore']);
  });

  it('is told at the end of the day: with more room nothing would have been lost', async () => {
    const { source, line, build } = sample('warehouse');
    const client = sessions.connect();
    await client.launch({ program: build(sessions.folder()) });
    await client.setBreakpoints(source, ['break here', 'in the evening'].map((text) => ({ line: line(text) })));
    await client.configurationDone();
    let { threadId } = await client.stopped('breakpoint');
    const goOnTo = async (order: number) => {
      await client.request('continue', { threadId });
      ({ threadId } = await client.stopped('breakpoint'));
      expect((await list(client)).current).to.equal(order);
    };
    for (const order of [2, 3, 4]) {
      await goOnTo(order);
    }
    // Whichever clerks carried them out; and nothing of what they wait in, in libraries.
    const { snapshots: four } = await list(client);
    for (const other of [2, 3, 4]) {
      const { variables } = await client.request<Comparison>('rollpoint/compareSnapshots', { from: 1, to: other, watches: ['order.number'] });
      expect(variables.filter(({ scope }) => scope === 'watch')).to.deep.equal([{ scope: 'watch', name: 'order.number', type: 'int', from: '1', to: String(other) }]);
      expect(variables.find(({ name }) => name === 'wanted')).to.include({ from: '40', function: 'Warehouse::carry_out', threadId: four[other - 1]!.threadId });
      expect(variables.every(({ function: name }) => name === undefined || /^(main|clerk|(Warehouse|OrderBook)::\w+(::.*)?)$/.test(name)), variables.map(({ function: name }) => name).join()).to.equal(true);
    }
    // A moment is what it is, whatever is on screen: also what lies in containers, in frames below those of libraries.
    await client.request('rollpoint/peekSnapshot', { id: 1 });
    const { frameId } = await client.top((await client.stopped('goto')).threadId);
    const same = await client.request<Comparison>('rollpoint/compareSnapshots', { from: 4, to: null, watches: ['booked_ * 2'], frameId });
    expect(same.variables).to.deep.equal([]);
    await client.request('rollpoint/peekSnapshot', { id: null });
    await client.stopped('goto');
    for (const order of [5, 6, 7, 8, 9]) {
      await goOnTo(order);
    }
    expect(await client.evaluate('missing', threadId)).to.equal('10');
    const { snapshots } = await list(client);
    const fifth = snapshots.find(({ id }) => id === 5)!;
    expect(fifth.threadId, 'a clerk, who has gone home').not.to.equal(threadId);
    const { left } = await branch(client, { id: 5, assignments: set(['shelf.room', '100']), until: 'end' });
    expect(left).to.equal(9);
    expect((await client.stopped('exit')).description).to.equal('About to exit with code 0');
    expect(client.output('stdout')).to.include('audit: 137 booked, 137 found, 0 missing');
  });
});
