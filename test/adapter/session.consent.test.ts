// The question before a restore that would not bring everything back: asked of a client that says it can ask, whatever
// leads to the restore, and of no other.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect } from 'chai';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { RestoreQuestion } from '../../adapter/protocol';
import type { DapClient, ThreadStop } from '../support/dapClient';
import { list, type Session, Sessions } from '../support/sessions';

const questions = (client: DapClient): number => client.events.filter(({ event }) => event === 'rollpoint/confirmRestore').length;

describe('the question before a restore that is not whole', () => {
  const sessions = new Sessions();
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('error', () => undefined).resume();
  });
  before((done) => void server.listen(0, '127.0.0.1', done));
  after((done) => void server.close(done));
  afterEach(async () => {
    await sessions.end();
    for (const socket of connections) socket.destroy();
    connections.clear();
  });

  /** Stands at the third step, with a snapshot of each. */
  const start = async (more: object = { confirmRestore: true }): Promise<Session & { stop: ThreadStop }> => {
    const session = await sessions.launch('outgoing', [String((server.address() as AddressInfo).port)], { snapshots: {}, ...more });
    let stop = await session.runTo('@told');
    for (let step = 2; step <= 3; step++) stop = await session.resume();
    return { ...session, stop };
  };
  const asked = (client: DapClient): Promise<RestoreQuestion> => client.event<RestoreQuestion>('rollpoint/confirmRestore');
  const answer = (client: DapClient, question: number, restore: boolean) => client.request('rollpoint/answerRestore', { question, restore });
  const peek = async (client: DapClient, id: number): Promise<void> => {
    await client.request('rollpoint/peekSnapshot', { id });
    await client.stopped('goto');
  };

  for (const [command, id] of [['stepBack', 2], ['reverseContinue', 2]] as const) {
    it(`comes before ${command}, which waits for the answer`, async () => {
      const { client, stop } = await start();
      const response = client.raw(command, { threadId: stop.threadId });
      const question = await asked(client);
      expect(question).to.include({ id, question: 1 });
      expect(question.warnings.map(({ message }) => message).join()).to.match(/^Since the snapshot 7 bytes went to 127\.0\.0\.1:\d+/);
      expect(await client.evaluate('told', stop.threadId), 'meanwhile everything else is served').to.equal('2');
      expect((await list(client)).current).to.equal(3);
      await answer(client, 1, true);
      expect((await response).success).to.equal(true);
      const back = await client.stopped('goto');
      expect(back.description).to.equal('Restored snapshot 2');
      expect(await client.evaluate('step', back.threadId)).to.equal('2');
    });
  }

  it('leaves everything as it is when the answer is no', async () => {
    const { client, stop } = await start();
    const before = await list(client);
    const response = client.raw('stepBack', { threadId: stop.threadId });
    await answer(client, (await asked(client)).question, false);
    const refused = await response;
    const { success, message } = refused;
    expect({ success, message }).to.deep.equal({ success: false, message: 'The restore of snapshot 2 was cancelled.' });
    expect((refused.body as { error: DebugProtocol.Message }).error.showUser).to.equal(false);
    expect(await list(client)).to.deep.equal(before);
    expect(await client.evaluate('step', stop.threadId)).to.equal('3');
  });

  for (const [command, args] of [
    ['continue', {}],
    ['next', {}],
    ['setVariable', { name: 'told', value: '40' }],
    ['setExpression', { expression: 'told', value: '40' }],
  ] as const) {
    it(`comes before ${command} while the past is on screen`, async () => {
      const { client, stop } = await start();
      await peek(client, 1);
      const send = async () => {
        const { frameId } = await client.top(stop.threadId);
        const { scopes } = await client.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId });
        await client.children(scopes[0]!.variablesReference);
        return client.raw(command, { threadId: stop.threadId, frameId, variablesReference: scopes[0]!.variablesReference, ...args });
      };
      const refused = send();
      const first = await asked(client);
      expect(first.id).to.equal(1);
      await answer(client, first.question, false);
      expect((await refused).message).to.equal('The restore of snapshot 1 was cancelled.');
      expect(await list(client)).to.include({ current: 3, peeking: 1 });
      const done = send();
      await answer(client, (await asked(client)).question, true);
      expect((await done).success).to.equal(true);
      const { threadId } = await client.stopped();
      expect((await list(client)).peeking).to.equal(null);
      if ('value' in args) expect(await client.evaluate('told', threadId)).to.equal('40');
      else expect(await client.evaluate('step', threadId)).to.equal(command === 'continue' ? '2' : '1');
    });
  }

  it('withdraws a question when it asks another, and takes no answer to what is no longer asked', async () => {
    const { client, stop } = await start();
    const first = client.raw('stepBack', { threadId: stop.threadId });
    expect((await asked(client)).question).to.equal(1);
    const second = client.raw('reverseContinue', { threadId: stop.threadId });
    expect((await asked(client)).question).to.equal(2);
    expect((await first).success).to.equal(false);
    await answer(client, 1, true);
    expect((await list(client)).current).to.equal(3);
    await answer(client, 2, true);
    expect((await second).success).to.equal(true);
    expect((await client.stopped('goto')).description).to.equal('Restored snapshot 2');
  });

  it('comes too late when something else has come on screen meanwhile', async () => {
    const { client, stop } = await start();
    await peek(client, 1);
    const late = client.raw('continue', { threadId: stop.threadId });
    const { question } = await asked(client);
    await peek(client, 2);
    await answer(client, question, true);
    expect((await late).message).to.equal('Snapshot 1 is no longer on screen.');
    expect(await list(client)).to.include({ current: 3, peeking: 2 });
  });

  it('comes before the search for a change goes back', async () => {
    const { client } = await start();
    const found = client.raw('rollpoint/findChange', { expression: 'step', good: 1, bad: 3 });
    const { question, id } = await asked(client);
    expect(id).to.equal(1);
    await answer(client, question, false);
    expect((await found).message).to.equal('The restore of snapshot 1 was cancelled.');
    expect((await list(client)).current).to.equal(3);
    const again = client.raw('rollpoint/findChange', { expression: 'step', good: 1, bad: 3 });
    await answer(client, (await asked(client)).question, true);
    expect((await again).body).to.include({ before: 1, after: 2 });
    await client.stopped();
  });

  it('comes before what if, whose values are looked at first', async () => {
    const { client } = await start();
    const branch = (value: string) => client.raw('rollpoint/branchWith', { id: 1, assignments: [{ expression: 'step', value }], until: 'stay' });
    expect((await branch('nowhere')).message).to.equal('"step = nowhere" cannot be set at snapshot 1: No symbol "nowhere" in current context.');
    expect(questions(client)).to.equal(0);
    const refused = branch('7');
    const { question, id } = await asked(client);
    expect(id).to.equal(1);
    await answer(client, question, false);
    expect((await refused).message).to.equal('The restore of snapshot 1 was cancelled.');
    expect((await list(client)).current).to.equal(3);
    const done = branch('7');
    await answer(client, (await asked(client)).question, true);
    expect((await done).body).to.deep.equal({ left: 3 });
    const { threadId } = await client.stopped('goto');
    expect(await client.evaluate('step', threadId)).to.equal('7');
  });

  for (const expression of ['told = 40', '-exec set var told = 40']) {
    it(`comes before what is typed for gdb changes the past: ${expression}`, async () => {
      const { client, stop } = await start();
      await peek(client, 1);
      const type = async () => client.raw('evaluate', { expression, frameId: (await client.top(stop.threadId)).frameId, context: 'repl' });
      const refused = type();
      await answer(client, (await asked(client)).question, false);
      expect((await refused).message).to.equal('The restore of snapshot 1 was cancelled.');
      expect(await list(client)).to.include({ current: 3, peeking: 1 });
      const done = type();
      await answer(client, (await asked(client)).question, true);
      expect((await done).success).to.equal(true);
      expect((await client.stopped('goto')).description).to.equal('Restored snapshot 1');
      expect(await client.evaluate('told', stop.threadId)).to.equal('40');
      expect(await list(client)).to.include({ current: 1, peeking: null });
    });
  }

  it('is told in words where what is only looked at would change the past', async () => {
    const { client, stop } = await start();
    await peek(client, 1);
    const { frameId } = await client.top(stop.threadId);
    const watch = await client.raw('evaluate', { expression: 'told = 5', frameId, context: 'watch' });
    expect(watch.message).to.match(/^Going on from snapshot 1 does not bring everything back: Since the snapshot 14 bytes went to .* Restore it first, if that is what you want\.$/);
    expect(questions(client)).to.equal(0);
    expect(await list(client)).to.include({ current: 3, peeking: 1 });
  });

  it('is not asked where nothing is lost', async () => {
    const session = await sessions.launch('counter', ['6'], { snapshots: {}, confirmRestore: true });
    const { client } = session;
    const stop = await session.runTo('@tick');
    await session.resume();
    await client.request('stepBack', { threadId: stop.threadId });
    expect((await client.stopped('goto')).description).to.equal('Restored snapshot 1');
    expect(questions(client)).to.equal(0);
  });

  it('is not asked of a client that cannot ask, which goes back at once', async () => {
    const { client, stop } = await start({});
    await client.request('stepBack', { threadId: stop.threadId });
    expect((await client.stopped('goto')).description).to.equal('Restored snapshot 2');
    await peek(client, 1);
    await client.request('continue', { threadId: stop.threadId });
    await client.stopped('breakpoint');
    expect(questions(client)).to.equal(0);
  });

  it('does not keep the session from its end', async () => {
    const { client, stop } = await start();
    const open = client.raw('stepBack', { threadId: stop.threadId });
    await asked(client);
    await client.request('disconnect', { terminateDebuggee: true });
    expect((await open).success).to.equal(false);
  });
});
