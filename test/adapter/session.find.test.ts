// Finds where a value changed: the two snapshots, the exact line, and the way back when nothing comes of it.
import { expect } from 'chai';
import type { Requests } from '../../adapter/protocol';
import type { DapClient } from '../support/dapClient';
import { lineWith, sample } from '../support/samples';
import { list, Sessions } from '../support/sessions';

type Found = Requests['rollpoint/findChange']['result'];

describe('find where it changed', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  const find = (client: DapClient, expression: string, good: number, bad: number, more: object = {}) =>
    client.request<Found>('rollpoint/findChange', { expression, good, bad, ...more });

  it('finds the one of a million writes that corrupts the sample', async () => {
    const { source, line: lineOf, build } = sample('ledger');
    const client = sessions.connect();
    await client.launch({ program: build(sessions.folder()) });
    await client.setBreakpoints(source, [{ line: lineOf('break here') }]);
    await client.configurationDone();
    const { threadId } = await client.stopped('breakpoint');
    for (let day = 2; day <= 20; day++) {
      await client.request('continue', { threadId });
      await client.stopped('breakpoint');
    }
    expect(await client.evaluate('ledger.reserve', threadId)).to.equal('5450');
    const { before, after, location } = await find(client, 'ledger.reserve', 1, 20);
    expect([before, after]).to.deep.equal([12, 13]);
    expect(location).to.deep.equal({ name: 'book', path: source, line: lineOf('@booked') });
    const stop = await client.stopped('data breakpoint');
    expect(stop.text).to.equal('5000 → 5450');
    expect(await client.evaluate('account', stop.threadId)).to.equal('1000');
    expect(await client.evaluate('ledger.reserve', stop.threadId)).to.equal('5450');
    const { stackFrames } = await client.request<{ stackFrames: { name: string }[] }>('stackTrace', { threadId: stop.threadId });
    expect(stackFrames.map(({ name }) => name)).to.deep.equal(['book', 'enter', 'main']);
    const { snapshots, current } = await list(client);
    expect(snapshots.find(({ id }) => id === current)).to.deep.include({ parent: 12, reason: 'breakpoint' });
    const progress = client.events.filter(({ event }) => /^progress/.test(event)).map(({ event }) => event);
    expect(progress[0]).to.equal('progressStart');
    expect(progress.at(-1)).to.equal('progressEnd');
    // The breakpoints are as they were, and what was watched is not watched any more.
    await client.request('continue', { threadId: stop.threadId });
    expect((await client.stopped()).reason).to.equal('breakpoint');
    expect(await client.evaluate('day', stop.threadId)).to.equal('13');
  });

  for (const [expression, good, bad, line] of [
    ['ticks', 1, 4, '++ticks;'],
    ['total > 4', 1, 4, 'total = add(total, ticks);'],
    ['record.at.x', 2, 3, 'record.at.x = ticks;'],
    ['owned->y', 2, 4, 'owned->y += 1;'],
  ] as const) {
    it(`finds the line that changes ${expression}`, async () => {
      const session = await sessions.launch('counter', ['9'], { snapshots: {} });
      const { client, debuggee } = session;
      await session.runTo('@tick');
      for (let round = 0; round < 3; round++) {
        await session.resume();
      }
      const { threadId } = await session.resume('next');
      const { frameId } = await client.top(threadId);
      const { before, after, location } = await find(client, expression, good, bad, { frameId });
      expect(after).to.equal(before + 1);
      expect(location).to.deep.equal({ name: 'main', path: debuggee.source, line: lineWith(debuggee.source, line) });
      await client.stopped('data breakpoint');
      const kept = (await list(client)).snapshots.find(({ reason }) => reason === 'restore')!;
      await client.request('rollpoint/restoreSnapshot', { id: kept.id });
      await client.stopped('goto');
      expect(await client.evaluate('ticks', threadId), 'the way back').to.equal('4');
    });
  }

  it('finds a change within a container and within a large array', async () => {
    const session = await sessions.launch('counter', ['9'], { snapshots: {} });
    const { client } = session;
    await session.runTo('@tick');
    await session.resume();
    await session.resume();
    const { before, after, location } = await find(client, 'squares', 2, 3);
    expect([before, after]).to.deep.equal([2, 3]);
    expect(location?.name).to.match(/push_back|emplace_back|_M_realloc/);
    await client.stopped('data breakpoint');
  });

  it('says what cannot be found, and stays', async () => {
    const session = await sessions.launch('counter', ['9'], { snapshots: {} });
    const { client } = session;
    const { threadId } = await session.runTo('@tick');
    await session.resume();
    await session.resume();
    const failure = async (args: object) => (await client.raw('rollpoint/findChange', args)).message;
    expect(await failure({ expression: 'last', good: 1, bad: 3 })).to.equal('"last" is the same at snapshots 1 and 3: 9.');
    expect(await failure({ expression: 'ticks', good: 3, bad: 1 })).to.equal('Snapshot 3 does not lie on the way to snapshot 1.');
    expect(await failure({ expression: 'ticks', good: 1, bad: 12 })).to.equal('There is no snapshot 12.');
    expect(await failure({ expression: 'nothing', good: 1, bad: 3 })).to.equal('"nothing" has no value at snapshot 1: No symbol "nothing" in current context.');
    expect(await client.evaluate('ticks', threadId)).to.equal('3');
    expect(await list(client)).to.include({ current: 3 });
  });

  it('ends where the user was when it is cancelled', async () => {
    const session = await sessions.launch('echo', [], { snapshots: {} });
    const { client } = session;
    const say = (text: string) => client.request('evaluate', { expression: text, context: 'repl' });
    await client.setBreakpoints(session.debuggee.source, [{ line: session.debuggee.line('@line') }]);
    await client.configurationDone();
    await client.outputMatching('stdout', /terminal/);
    await say('one');
    const { threadId } = await client.stopped('breakpoint');
    await client.request('continue', { threadId });
    await client.outputMatching('stdout', /out: one/);
    await say('two');
    await client.stopped('breakpoint');
    // Nobody types it again: the run from the first snapshot waits for ever.
    const answer = client.raw('rollpoint/findChange', { expression: 'line', good: 1, bad: 2, progressId: 'mine' });
    const { title } = await client.event<{ title: string; progressId: string }>('progressStart', ({ progressId }) => progressId === 'mine');
    expect(title).to.equal('Finding where line changed');
    await client.event('progressUpdate', (body) => /running there/.test(String(body['message'])));
    await client.request('cancel', { progressId: 'mine' });
    const { success, message } = await answer;
    expect([success, message]).to.deep.equal([false, 'Cancelled.']);
    await client.event('progressEnd');
    const { current, snapshots } = await list(client);
    expect(current).to.equal(2);
    expect(snapshots).to.have.length(2);
    await client.stopped('goto');
    expect(await client.evaluate('(char *) line', threadId)).to.match(/"two"/);
  });
});
