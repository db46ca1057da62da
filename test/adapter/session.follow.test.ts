// A session that follows the children of its program: breakpoints and variables in the child, snapshots and restores across
// the fork, other programs, and the way back.
import { expect } from 'chai';
import type { SnapshotInfo as Snapshot } from '../../adapter/protocol';
import type { ThreadStop } from '../support/dapClient';
import { type Session, Sessions } from '../support/sessions';

describe('a session that follows a child', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  // The program waits for its children by number: where one comes back, it must have its own again.
  const pidNamespace = process.getuid!() !== 0;
  const launch = (how: string, more: object = {}) => sessions.launch('follow', [how], { followFork: 'child', pidNamespace, ...more });

  const stopsAt = async ({ client, debuggee }: Session, ...markers: string[]) =>
    client.setBreakpoints(debuggee.source, markers.map((marker) => ({ line: debuggee.line(marker) })));

  const who = ({ client }: Session, stop: ThreadStop) => client.evaluate('who', stop.threadId);

  const take = async ({ client }: Session) => (await client.request<{ snapshot: Snapshot }>('rollpoint/takeSnapshot', {})).snapshot;

  const restore = async ({ client }: Session, id: number) => {
    await client.request('rollpoint/restoreSnapshot', { id });
    return client.stopped('goto');
  };

  const ends = async ({ client }: Session, stop: ThreadStop) => {
    await client.request('setBreakpoints', { source: { path: (await client.top(stop.threadId)).path }, breakpoints: [] });
    await client.request('continue', { threadId: stop.threadId });
    expect(await client.event('exited')).to.deep.equal({ exitCode: 0 });
    expect(client.output('stdout')).to.equal('PASS\n');
  };

  it('stops at a breakpoint in it, shows its variables, and goes back to the parent when it ends', async () => {
    const session = await launch('fork');
    const { client } = session;
    let stop = await session.runTo('@parent');
    expect(await who(session, stop)).to.equal('1');
    await stopsAt(session, '@child', '@back');
    stop = await session.resume();
    await session.standsAt('@child', stop);
    expect(await who(session, stop)).to.equal('2');
    expect(client.output('console')).to.match(/The debugger follows process \d+, which process \d+ has started\./);
    stop = await session.resume();
    await session.standsAt('@back', stop);
    expect(await who(session, stop)).to.equal('1');
    expect(client.output('console')).to.match(/Process \d+, which the debugger followed, has exited with code 5; the debugger is with process \d+ again\./);
    await ends(session, stop);
  });

  for (const command of ['set follow-fork-mode child', 'set follow-fork-mode parent']) {
    it(`does as gdb's "${command}" says`, async () => {
      const session = await sessions.launch('follow', ['fork'], { setupCommands: [command] });
      await stopsAt(session, '@child', '@back');
      await session.client.configurationDone();
      let stop = await session.client.stopped();
      if (command.endsWith('child')) {
        await session.standsAt('@child', stop);
        stop = await session.resume();
      }
      await session.standsAt('@back', stop);
      await ends(session, stop);
    });
  }

  it('steps over the fork into it', async () => {
    const session = await launch('fork');
    let stop = await session.runTo('@fork');
    stop = await session.resume('next');
    expect(await session.client.evaluate('pid', stop.threadId)).to.equal('0');
    await stopsAt(session, '@child', '@back');
    stop = await session.resume();
    await session.standsAt('@child', stop);
    stop = await session.resume();
    await session.standsAt('@back', stop);
    await ends(session, stop);
  });

  it('stays with it when its parent ends first, and ends as that does', async () => {
    const session = await launch('orphan');
    const { client } = session;
    let stop = await session.runTo('@child');
    await stopsAt(session, '@changed');
    stop = await session.resume();
    await session.standsAt('@changed', stop);
    expect(client.output('console')).to.match(/The program's first process \(\d+\) has come to its end, and stays there until process \d+ has ended, which the debugger follows\./);
    await take(session);
    stop = await restore(session, 1);
    await session.standsAt('@changed', stop);
    await client.request('rollpoint/deleteSnapshot', { id: 1 });
    await client.request('continue', { threadId: stop.threadId });
    expect(await client.event('exited')).to.deep.equal({ exitCode: 3 });
    expect(client.output('stdout')).to.equal('PASS\n');
  });

  it('goes back and forth between snapshots of the parent and of the child', async () => {
    const session = await launch('grandchild');
    const { client } = session;
    let stop = await session.runTo('@parent');
    const parent = await take(session);
    await stopsAt(session, '@child', '@grandchild', '@back');
    stop = await session.resume();
    await session.standsAt('@child', stop);
    const child = await take(session);
    for (let turn = 0; turn < 5; ++turn) {
      stop = await restore(session, parent.id);
      await session.standsAt('@parent', stop);
      expect(await who(session, stop)).to.equal('1');
      stop = await session.resume();
      await session.standsAt('@child', stop);
      expect(await who(session, stop)).to.equal('2');
      stop = await session.resume();
      await session.standsAt('@grandchild', stop);
      expect(await who(session, stop)).to.equal('3');
      stop = await restore(session, child.id);
      await session.standsAt('@child', stop);
      expect(await who(session, stop)).to.equal('2');
      stop = await session.resume();
      await session.standsAt('@grandchild', stop);
    }
    expect(client.output('important')).to.equal('');
    await client.request('rollpoint/deleteSnapshot', { id: child.id });
    stop = await restore(session, parent.id);
    for (const { id } of (await client.request<{ snapshots: Snapshot[] }>('rollpoint/listSnapshots', {})).snapshots) {
      await client.request('rollpoint/deleteSnapshot', { id });
    }
    for (const marker of ['@child', '@grandchild', '@back']) {
      stop = await session.resume();
      await session.standsAt(marker, stop);
    }
    await ends(session, stop);
  });

  for (const how of ['exec', 'spawn']) {
    it(`goes with it into another program and back (${how})`, async () => {
      const session = await launch(how);
      let stop = await session.runTo('@parent');
      const parent = await take(session);
      await stopsAt(session, '@program', '@back');
      for (let turn = 0; turn < 3; ++turn) {
        stop = await session.resume();
        await session.standsAt('@program', stop);
        expect(await who(session, stop)).to.equal('4');
        const program = await take(session);
        stop = await restore(session, parent.id);
        expect(await who(session, stop)).to.equal('1');
        stop = await restore(session, program.id);
        expect(await who(session, stop)).to.equal('4');
        await session.standsAt('@program', stop);
        stop = await restore(session, parent.id);
      }
      for (const { id } of (await session.client.request<{ snapshots: Snapshot[] }>('rollpoint/listSnapshots', {})).snapshots) {
        await session.client.request('rollpoint/deleteSnapshot', { id });
      }
      stop = await session.resume();
      await session.standsAt('@program', stop);
      stop = await session.resume();
      await session.standsAt('@back', stop);
      expect(await who(session, stop)).to.equal('1');
      await ends(session, stop);
    });
  }

  it('goes to a process that is there already, when it is told to', async () => {
    const session = await launch('grandchild');
    const { client } = session;
    let stop = await session.runTo('@child');
    const child = /follows process (\d+)/.exec(client.output('console'))![1]!;
    const root = /which process (\d+) has started/.exec(client.output('console'))![1]!;
    await stopsAt(session, '@grandchild', '@back');
    stop = await session.resume();
    for (const [pid, expected] of [[root, '1'], [child, '2']]) {
      await client.evaluate(`-exec monitor follow ${pid}`, stop.threadId, 'repl');
      await client.request('continue', { threadId: stop.threadId });
      stop = await client.stopped('goto');
      expect(await who(session, stop)).to.equal(expected);
    }
    stop = await session.resume();
    await session.standsAt('@back', stop);
    await ends(session, stop);
  });

  it('does not go where processes are let run', async () => {
    const client = sessions.connect();
    await client.initialize();
    const refused = await client.request('launch', { program: '/bin/true', followFork: 'child', snapshots: { children: 'ignore' } }).then(() => '', (error: Error) => error.message);
    expect(refused).to.match(/"followFork" is "child", which needs "snapshots\.children" to be "include"/);
  });
});
