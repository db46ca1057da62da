// A session does not end with its program while there are snapshots: it stands before the end, and goes back from there.
import { expect } from 'chai';
import type { DapClient, ThreadStop } from '../support/dapClient';
import type { SnapshotList } from '../../adapter/protocol';
import { type Session, Sessions } from '../support/sessions';

const list = (client: DapClient) => client.request<SnapshotList & Record<string, never>>('rollpoint/listSnapshots');

async function restore(client: DapClient, id: number): Promise<ThreadStop> {
  await client.request('rollpoint/restoreSnapshot', { id });
  return client.stopped('goto');
}

/** Runs on to the stop before the end. */
async function toExit({ client }: Session, threadId: number, code: number): Promise<ThreadStop> {
  await client.request('continue', { threadId });
  const stop = await client.stopped();
  expect(stop).to.deep.include({ reason: 'exit', description: `About to exit with code ${code}`, allThreadsStopped: true });
  return stop;
}

/** Lets it end; `exited` and `terminated` follow, once each, and no stop. */
async function toEnd({ client }: Session, threadId: number, exitCode: number): Promise<void> {
  const before = client.events.length;
  await client.request('continue', { threadId });
  await client.event('terminated');
  const after = client.events.slice(before);
  expect(after.filter(({ event }) => event === 'exited').map(({ body }) => body as object)).to.deep.equal([{ exitCode }]);
  expect(after.filter(({ event }) => event === 'terminated')).to.have.length(1);
  expect(after.filter(({ event }) => event === 'stopped')).to.deep.equal([]);
}

async function assign({ client }: Session, expression: string, value: string, { threadId }: ThreadStop): Promise<void> {
  const { frameId } = await client.top(threadId);
  await client.request('setExpression', { expression, value, frameId });
}

describe('the program before its end', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());
  const automatic = { snapshots: {} };

  for (const [how, code] of [['exit', 42], ['_exit', 7], ['thread', 5]] as const) {
    it(`stands there after ${how} with all its output told, goes back, and comes again`, async () => {
      const session = await sessions.launch('endings', [how, String(code)], automatic);
      const { client } = session;
      const stop = await session.runTo('@end');
      const exit = await toExit(session, stop.threadId, code);
      const events = client.events.map(({ event }) => event);
      expect(client.output('stdout')).to.equal(`ending by ${how}\n`);
      expect(events.lastIndexOf('output')).to.be.lessThan(events.lastIndexOf('stopped'));
      const { snapshots, current } = await list(client);
      expect(snapshots.map(({ id, reason }) => [id, reason])).to.deep.equal([[1, 'breakpoint'], [2, 'exit']]);
      expect(current).to.equal(2);
      const { threads } = await client.request<{ threads: unknown[] }>('threads');
      expect(threads).to.have.length(how === 'thread' ? 2 : 1);

      for (const other of [43, 44]) {
        const back = await restore(client, 1);
        expect(back.description).to.equal('Restored snapshot 1');
        await session.standsAt('@end', back);
        await assign(session, 'number', String(other), back);
        await toExit(session, back.threadId, other);
      }
      expect((await list(client)).snapshots.map(({ parent, reason }) => [parent, reason])).to.deep.equal([
        [null, 'breakpoint'], [1, 'exit'], [1, 'exit'], [1, 'exit'],
      ]);
      // Back to the first one's end, from where it really ends.
      await restore(client, 2);
      await toEnd(session, exit.threadId, code);
      expect(client.output('console')).to.not.contain('could not');
    });
  }

  it('is left alone where there is no snapshot', async () => {
    const session = await sessions.launch('endings', ['exit', '3'], automatic);
    await session.client.configurationDone();
    await session.client.event('terminated');
    expect(session.client.events.some(({ event }) => event === 'stopped')).to.equal(false);
  });

  it('takes no snapshot by itself with "auto": "off", but stands there for one made by hand', async () => {
    const session = await sessions.launch('endings', ['exit', '3']);
    const { client } = session;
    const stop = await session.runTo('@end');
    await client.request('rollpoint/takeSnapshot', { label: 'mine' });
    await toExit(session, stop.threadId, 3);
    expect((await list(client)).snapshots.map(({ reason }) => reason)).to.deep.equal(['manual']);
    const back = await restore(client, 1);
    await session.standsAt('@end', back);
    // What it was before the restore was kept: it is the end.
    await restore(client, 2);
    await toEnd(session, back.threadId, 3);
  });

  it('is reached by a step as well', async () => {
    const session = await sessions.launch('endings', ['_exit', '3'], automatic);
    await session.runTo('@end');
    await session.resume('next');
    await session.resume('next');
    await session.resume('next');
    const stop = await session.resume('next');
    expect(stop).to.deep.include({ reason: 'exit', description: 'About to exit with code 3' });
    await toEnd(session, stop.threadId, 3);
  });

  it('goes back by Step back and Reverse', async () => {
    const session = await sessions.launch('endings', ['exit', '3'], automatic);
    const { client } = session;
    const stop = await session.runTo('@end');
    for (const command of ['stepBack', 'reverseContinue']) {
      await toExit(session, stop.threadId, 3);
      await client.request(command, { threadId: stop.threadId });
      await session.standsAt('@end', await client.stopped('goto'));
    }
  });

  for (const command of ['terminate', 'disconnect'] as const) {
    it(`ends at once on ${command}`, async () => {
      const session = await sessions.launch('endings', ['exit', '3'], automatic);
      const { client } = session;
      const stop = await session.runTo('@end');
      await toExit(session, stop.threadId, 3);
      await client.request(command);
      await client.event('terminated');
      expect(client.events.filter(({ event }) => event === 'exited')).to.have.length(1);
    });
  }

  it('is not held when the user asked for the end, whatever the program does on its way', async () => {
    const session = await sessions.launch('playground', ['term'], automatic);
    const { client } = session;
    await client.configurationDone();
    await client.outputMatching('stdout', /waiting/);
    await client.request('rollpoint/takeSnapshot', {});
    await client.request('terminate');
    await client.event('terminated');
    expect(client.output('stdout')).to.contain('cleaned up');
    expect(client.events.filter(({ event }) => event === 'exited').map(({ body }) => body as object)).to.deep.equal([{ exitCode: 9 }]);
    expect(client.events.some(({ event }) => event === 'stopped')).to.equal(false);
  });
});

describe('a crash', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());
  const automatic = { snapshots: {} };

  interface Crash {
    what: string;
    program: string;
    signal: string;
    /** What to set at @before so that it does not happen. */
    cure: [expression: string, value: string];
    output: RegExp;
    code: number;
  }
  const crashes: Crash[] = [
    { what: 'an exception that nobody catches', program: 'throws', signal: 'SIGABRT', cure: ['limit', '20'], output: /^rest: 8$/m, code: 134 },
    { what: 'a null pointer in a thread', program: 'crash', signal: 'SIGSEGV', cure: ['second.next', '&first'], output: /^not reached$/m, code: 139 },
  ];
  for (const { what, program, signal, cure, output, code } of crashes) {
    it(`by ${what} is gone back from, cured, and does not happen`, async () => {
      const session = await sessions.launch(program, [], automatic);
      const { client } = session;
      const before = await session.runTo('@before');
      await client.setBreakpoints(session.debuggee.source, []);
      const crash = async (from: ThreadStop) => {
        await client.request('continue', { threadId: from.threadId });
        const stop = await client.stopped();
        expect(stop.reason).to.equal('exception');
        expect(stop.description).to.contain(signal);
        const info = await client.request<{ breakMode: string }>('exceptionInfo', { threadId: stop.threadId });
        expect(info.breakMode).to.equal('unhandled');
        return stop;
      };
      const first = await crash(before);
      expect((await list(client)).snapshots.map(({ reason }) => reason)).to.deep.equal(['breakpoint', 'exception']);
      // The snapshot holds the crash: from it, it happens again.
      const again = await crash(await restore(client, 2));
      expect(again.threadId).to.equal(first.threadId);
      const back = await restore(client, 1);
      await session.standsAt('@before', back);
      await assign(session, ...cure, back);
      const exit = await toExit(session, back.threadId, 0);
      expect(client.output('stdout')).to.match(output);
      await crash(await restore(client, 1));
      await restore(client, 1);
      await assign(session, ...cure, back);
      await toEnd(session, (await toExit(session, back.threadId, 0)).threadId, 0);
      expect(exit.threadId).to.equal(back.threadId);
      expect(code).to.be.greaterThan(128);
    });

    it(`by ${what} ends the program when it goes on`, async () => {
      const session = await sessions.launch(program, [], automatic);
      const { client } = session;
      await client.configurationDone();
      const stop = await client.stopped('exception');
      await toEnd(session, stop.threadId, code);
    });
  }

  for (const [how, signal] of [['segv', 'SIGSEGV'], ['thread', 'SIGSEGV'], ['abort', 'SIGABRT'], ['fpe', 'SIGFPE'], ['ill', 'SIGILL'], ['bus', 'SIGBUS']] as const) {
    it(`by ${signal} (${how}) has its snapshot, is gone back from, spared, and does not happen`, async () => {
      const session = await sessions.launch('crashes', [how], automatic);
      const { client } = session;
      await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'at_begin' }] });
      await client.configurationDone();
      const begin = await client.stopped('function breakpoint');
      for (const turn of [1, 2]) {
        await client.request('continue', { threadId: begin.threadId });
        const crash = await client.stopped('exception');
        expect(crash.description, `turn ${turn}`).to.contain(signal);
        const { snapshots, current } = await list(client);
        expect(snapshots.map(({ reason }) => reason)).to.deep.equal(['breakpoint', ...Array<string>(turn).fill('exception')]);
        expect(current).to.equal(turn + 1);
        await restore(client, 1);
      }
      await assign(session, 'spare', '1', begin);
      await toExit(session, begin.threadId, 0);
      expect(client.output('stdout')).to.equal('survived\n');
    });
  }

  it('by a panic of Rust stops at the panic by default, is gone back from, cured, and does not happen', async () => {
    const session = await sessions.launch('panic_main', [], automatic);
    const { client } = session;
    const { exceptionBreakpointFilters } = await client.request<{ exceptionBreakpointFilters?: { filter: string; default?: boolean }[] }>('initialize', {});
    const filters = (exceptionBreakpointFilters ?? []).filter((filter) => filter.default).map(({ filter }) => filter);
    expect(filters).to.deep.equal(['rust_panic']);
    await client.request('setExceptionBreakpoints', { filters });
    const before = await session.runTo('@before');
    await client.request('continue', { threadId: before.threadId });
    const panic = await client.stopped();
    expect(panic).to.deep.include({ reason: 'exception', description: 'Rust panic' });
    await toExit(session, panic.threadId, 101);
    expect((await list(client)).snapshots.map(({ reason }) => reason)).to.deep.equal(['breakpoint', 'exception', 'exit']);
    const back = await restore(client, 1);
    await session.standsAt('@before', back);
    await assign(session, 'divisor', '2', back);
    await toExit(session, back.threadId, 0);
    expect(client.output('stdout')).to.match(/^result: 5$/m);
    await restore(client, 3);
    await toEnd(session, back.threadId, 101);
  });

  it('by a signal that gdb keeps to itself stops the program too', async () => {
    const session = await sessions.launch('crashes', ['alarm'], automatic);
    const { client } = session;
    await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'at_begin' }] });
    await client.configurationDone();
    const begin = await client.stopped('function breakpoint');
    const toAlarm = async () => {
      await client.request('continue', { threadId: begin.threadId });
      expect(await client.stopped()).to.deep.include({ reason: 'exception', description: 'About to be ended by SIGALRM' });
    };
    await toAlarm();
    expect((await list(client)).snapshots.map(({ reason }) => reason)).to.deep.equal(['breakpoint', 'exception']);
    await restore(client, 2);
    await toAlarm();
    const back = await restore(client, 1);
    await assign(session, 'spare', '1', back);
    await toExit(session, back.threadId, 0);
    await restore(client, 1);
    await toAlarm();
    await toEnd(session, begin.threadId, 142);
  });

  it('is none for a signal that the program handles', async () => {
    const session = await sessions.launch('crashes', ['handled'], automatic);
    const { client } = session;
    await client.configurationDone();
    const stop = await client.stopped('exception');
    expect(await client.request<{ breakMode: string }>('exceptionInfo', { threadId: stop.threadId })).to.include({ breakMode: 'always' });
    await toExit(session, stop.threadId, 0);
    expect(client.output('stdout')).to.equal('handled 1\nsurvived\n');
  });
});
