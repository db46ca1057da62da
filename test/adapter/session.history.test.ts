// The history of a value: at every snapshot what it was when that was taken, without a step of the program.
import { expect } from 'chai';
import type { HistoryPoint } from '../../adapter/protocol';
import type { DapClient } from '../support/dapClient';
import { list, Sessions } from '../support/sessions';


describe('history of a value', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  const history = async (client: DapClient, expression: string, more: object = {}): Promise<HistoryPoint[]> =>
    (await client.request<{ points: HistoryPoint[] }>('rollpoint/valueHistory', { expression, ...more })).points;

  for (const [name, args, marker, expressions] of [
    ['counter', ['9'], '@tick', ['ticks', 'total', 'squares', 'text', 'record', 'byName', '&total', 'last']],
    ['collections', [], '@round', ['total', 'numbers', 'text', 'round']],
  ] as const) {
    it(`tells each value as it was evaluated then: ${name}`, async () => {
      const session = await sessions.launch(name, [...args], { snapshots: {} });
      const { client } = session;
      const evaluated: Record<string, string>[] = [];
      for (let round = 0; round < 4; round++) {
        const { threadId } = await (round === 0 ? session.runTo(marker) : session.resume());
        const values: Record<string, string> = {};
        for (const expression of expressions) {
          values[expression] = await client.evaluate(expression, threadId);
        }
        evaluated.push(values);
      }
      const { threadId } = await session.resume('next');
      const { frameId } = await client.top(threadId);
      for (const expression of expressions) {
        const points = await history(client, expression, { frameId });
        expect(points.map(({ id }) => id)).to.deep.equal([1, 2, 3, 4]);
        expect(points.map(({ value }) => value), expression).to.deep.equal(evaluated.map((values) => values[expression]));
        expect(points.map(({ changed }) => changed), `${expression} changed`).to.deep.equal(
          evaluated.map((values, index) => index > 0 && values[expression] !== evaluated[index - 1]![expression]),
        );
        expect(await client.evaluate(expressions[0], threadId), 'the present afterwards').to.equal(evaluated.at(-1)![expressions[0]]);
      }
      expect(await list(client)).to.include({ current: 4, peeking: null });
    });
  }

  it('follows the branch, and says what does not lie on it', async () => {
    const session = await sessions.launch('counter', ['20'], { snapshots: {} });
    const { client } = session;
    await session.runTo('@tick');
    await session.resume();
    await session.resume();
    await client.request('rollpoint/restoreSnapshot', { id: 1 });
    const { threadId } = await client.stopped('goto');
    const { frameId } = await client.top(threadId);
    await client.request('setExpression', { expression: 'ticks', value: '50', frameId });
    await client.setBreakpoints(session.debuggee.source, [{ line: session.debuggee.line('@end') }]);
    await session.resume();
    expect((await history(client, 'ticks')).map(({ id, value }) => [id, value])).to.deep.equal([[1, '1'], [4, '50']]);
    expect((await history(client, 'ticks', { to: 3 })).map(({ value }) => value)).to.deep.equal(['1', '2', '3']);
    expect((await history(client, 'ticks', { from: 2, to: 3 })).map(({ value }) => value)).to.deep.equal(['2', '3']);
    const wrong = await client.raw('rollpoint/valueHistory', { expression: 'ticks', from: 3 });
    expect(wrong.message).to.equal('Snapshot 3 does not lie on the way to snapshot 4.');
    expect((await client.raw('rollpoint/valueHistory', { expression: ' ' })).message).to.equal('Give an "expression".');
    const unknown = await history(client, 'no_such_thing');
    expect(unknown.map(({ value, message }) => [value, message])).to.deep.equal([1, 4].map(() => [null, 'No symbol "no_such_thing" in current context.']));
    expect(await client.evaluate('ticks', threadId)).to.equal('50');
  });

  it('finds the frame that was meant, or says that it was not there', async () => {
    const session = await sessions.launch('counter', ['9'], { snapshots: {} });
    const { client } = session;
    const { threadId } = await session.runTo('@add');
    await session.runTo('@tick');
    await session.runTo('@add');
    const { stackFrames } = await client.request<{ stackFrames: { id: number; name: string }[] }>('stackTrace', { threadId });
    const [add, main] = stackFrames;
    expect((await history(client, 'ticks', { frameId: main!.id })).map(({ value }) => value)).to.deep.equal(['1', '1', '2']);
    const points = await history(client, 'b', { frameId: add!.id });
    expect(points.map(({ value, message }) => value ?? message)).to.deep.equal(['1', '"add" was not running.', '2']);
    await client.request('rollpoint/peekSnapshot', { id: 2 });
    await client.stopped('goto');
    expect((await history(client, 'ticks')).map(({ id, value }) => [id, value])).to.deep.equal([[1, '1'], [2, '1']]);
    expect(await client.evaluate('ticks', threadId), 'the snapshot on screen afterwards').to.equal('1');
  });

  it('finds the frame in whatever thread it is, and tells which', async () => {
    const session = await sessions.launch('turns', [], { snapshots: {} });
    const { client } = session;
    const stops = [await session.runTo('@carry')];
    for (let turn = 1; turn < 6; turn++) stops.push(await session.resume());
    const { threadId } = stops.at(-1)!;
    const { frameId } = await client.top(threadId);
    for (const more of [{ frameId }, {}]) {
      const points = await history(client, 'load', more);
      expect(points.map((point) => [point.value ?? point.message, point.threadId])).to.deep.equal(
        [0, 1, 2, 10, 11, 12].map((load, index) => [String(load), stops[index]!.threadId]),
      );
    }
    expect(await client.evaluate('load', threadId), 'the thread afterwards').to.equal('12');
    const { id } = (await client.request<{ stackFrames: { id: number; name: string }[] }>('stackTrace', { threadId })).stackFrames.find(({ name }) => name === 'porter')!;
    const own = await history(client, 'number', { frameId: id });
    expect(own.map((point) => [point.value, point.threadId]), 'a frame that the thread always has is its own').to.deep.equal(
      stops.map(() => ['2', threadId]),
    );
    const found = await client.request<object>('rollpoint/findChange', { expression: 'total', good: 1, bad: 3, frameId });
    expect(found).to.deep.include({ before: 2, after: 3 });
    await client.stopped('data breakpoint');
  });

  it('changes nothing and calls nothing, whatever the expression asks for', async () => {
    const session = await sessions.launch('counter', ['9'], { snapshots: {} });
    const { client } = session;
    const { threadId } = await session.runTo('@tick');
    await session.resume();
    for (const expression of ['ticks = 40', 'add(1, 2)', 'ticks++']) {
      for (const id of [null, 1]) {
        await client.request('rollpoint/peekSnapshot', { id });
        await client.stopped('goto');
        expect((await history(client, expression)).map(({ value }) => value), expression).to.include(null);
      }
    }
    await client.request('rollpoint/peekSnapshot', { id: null });
    await client.stopped('goto');
    expect(await client.evaluate('ticks', threadId)).to.equal('2');
    expect(await client.evaluate('add(1, 2)', threadId)).to.equal('3');
    expect((await list(client)).snapshots).to.have.length(2);
  });

  it('serves a client that asks for other things meanwhile', async () => {
    const session = await sessions.launch('counter', ['100'], { snapshots: {} });
    const { client } = session;
    const { threadId } = await session.runTo('@tick');
    for (let round = 0; round < 60; round++) {
      await session.resume();
    }
    const [points, ...seen] = await Promise.all([history(client, 'ticks'), ...Array.from({ length: 20 }, () => client.evaluate('ticks', threadId))]);
    expect(points.map(({ value }) => value)).to.deep.equal(Array.from({ length: 61 }, (_, index) => String(index + 1)));
    expect(new Set(seen)).to.deep.equal(new Set(['61']));
  });
});
