// Snapshots through the debugger: when they are taken, what the list says, the memory limit, branches with ten threads,
// the program's terminal. What a restore does to what the debugger shows is for session.restore.test.ts.
import { spawn, type ChildProcess } from 'node:child_process';
import { expect } from 'chai';
import type { SnapshotInfo, SnapshotList } from '../../adapter/protocol';
import { PtyMaster } from '../../adapter/terminal/ptyMaster';
import type { DapClient, ThreadStop } from '../support/dapClient';
import { debuggee } from '../support/debuggees';
import { addon } from '../support/native';
import { list, Sessions } from '../support/sessions';

const take = async (client: DapClient, label?: string): Promise<SnapshotInfo> =>
  (await client.request<{ snapshot: SnapshotInfo }>('rollpoint/takeSnapshot', { label })).snapshot;
const restore = async (client: DapClient, id: number): Promise<ThreadStop> => {
  await client.request('rollpoint/restoreSnapshot', { id });
  return client.stopped('goto');
};
const ids = ({ snapshots }: SnapshotList) => snapshots.map(({ id }) => id);

describe('snapshots of a session', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  it('are taken at breakpoints and not at steps by default, everywhere or nowhere on demand', async () => {
    for (const [auto, reasons] of [
      [undefined, ['breakpoint', 'breakpoint']],
      ['everyStop', ['entry', 'breakpoint', 'step', 'breakpoint']],
      ['off', []],
    ] as const) {
      const session = await sessions.launch('counter', ['5'], { snapshots: { auto }, stopOnEntry: true });
      const { client, debuggee: program } = session;
      await client.setBreakpoints(program.source, [{ line: program.line('@tick') }]);
      await client.configurationDone();
      const entry = await client.stopped('entry');
      for (const [command, reason] of [['continue', 'breakpoint'], ['next', 'step'], ['continue', 'breakpoint']] as const) {
        await client.request(command, { threadId: entry.threadId });
        await client.stopped(reason);
      }
      const { snapshots } = await list(client);
      expect(snapshots.map(({ reason }) => reason), String(auto)).to.deep.equal(reasons);
    }
  });

  it('tell label, pin, place, size and time, and each change is told once', async () => {
    const session = await sessions.launch('counter', ['5'], { snapshots: {} });
    const { client } = session;
    const begin = Date.now();
    await session.runTo('@tick');
    await session.resume();
    const [, second] = (await list(client)).snapshots;
    expect(second).to.deep.include({ id: 2, parent: 1, label: null, reason: 'breakpoint', pinned: false, exact: true, warnings: [] });
    expect(second!.pages).to.be.greaterThan(0);
    expect(second!.bytes).to.equal(second!.pages * 4096);
    expect(second!.pauseMicros).to.be.greaterThan(0);
    expect(second!.createdAt).to.be.within(begin, Date.now());
    const body = await client.request('rollpoint/updateSnapshot', { id: 2, label: 'two', pinned: true });
    expect(body).to.deep.equal({ snapshot: { ...second, label: 'two', pinned: true } });
    expect(await take(client, 'by hand')).to.include({ id: 3, parent: 2, label: 'by hand', reason: 'manual' });
    await client.request('rollpoint/deleteSnapshot', { id: 2 });
    const { snapshots, current } = await list(client);
    expect([snapshots.map(({ id, parent }) => [id, parent]), current]).to.deep.equal([[[1, null], [3, 1]], 3]);
    const told = client.events.filter(({ event }) => event === 'rollpoint/snapshotsChanged').map(({ body }) => ids(body as SnapshotList));
    expect(told).to.deep.equal([[1], [1, 2], [1, 2], [1, 2, 3], [1, 3]]);
  });

  it('stay within the memory limit: automatic ones go, are named, and explain themselves', async () => {
    const session = await sessions.launch('heap512', ['64', '25', '1', '12'], { snapshots: { memoryLimit: '70MiB' } });
    const { client } = session;
    await session.runTo('@step');
    await client.request('rollpoint/updateSnapshot', { id: 1, pinned: true });
    await session.resume();
    await client.request('rollpoint/updateSnapshot', { id: 2, label: 'doomed' });
    for (let step = 0; step < 6; ++step) {
      await session.resume();
    }
    const now = await list(client);
    expect(ids(now)).to.include(1).and.not.include(2);
    expect(ids(now).at(-1)).to.equal(now.current);
    expect(client.output('console')).to.match(/Snapshot 2 \(doomed\) was evicted: the snapshots reached "snapshots\.memoryLimit" \(70 MiB\)/);
    const refused = await client.raw('rollpoint/restoreSnapshot', { id: 2 });
    expect(refused.message).to.equal('Snapshot 2 was evicted; raise "snapshots.memoryLimit" or pin it to keep it.');
    const back = await restore(client, 1);
    expect(await client.evaluate('step', back.threadId)).to.equal('1');
  });

  it('are refused by hand when the limit is full of what must stay, and fit again after a deletion', async () => {
    const session = await sessions.launch('heap512', ['64', '25', '1', '12'], { snapshots: { auto: 'off', memoryLimit: '40MiB' } });
    const { client } = session;
    await session.runTo('@step');
    let refusal: string | undefined;
    for (let step = 0; step < 6 && refusal === undefined; ++step) {
      const response = await client.raw('rollpoint/takeSnapshot', { label: `step ${step}` });
      refusal = response.success ? undefined : response.message;
      await session.resume();
    }
    expect(refusal).to.match(/"snapshots\.memoryLimit" allows: delete some, or raise it\.$/);
    for (const id of ids(await list(client))) {
      await client.request('rollpoint/deleteSnapshot', { id });
    }
    expect(await take(client, 'again')).to.include({ parent: null });
  });

  it('say what is wrong with a limit that is no size', async () => {
    const client = sessions.connect();
    await client.initialize();
    const response = await client.raw('launch', { program: debuggee('counter').program, snapshots: { memoryLimit: 'plenty' } });
    expect(response.success).to.equal(false);
    expect(response.message).to.match(/snapshots\.memoryLimit.*plenty.*GiB/s);
  });

  it('hold ten threads on three branches, and each branch goes on without a fault', async () => {
    const setupCommands = ['handle SIGUSR1 nostop noprint pass'];
    const session = await sessions.launch('threads10', ['60'], { snapshots: {}, setupCommands });
    const { client } = session;
    let stop = await session.runTo('@step');
    const wanted = new Map<number, string>();
    const stateOf = async (threadId: number) => {
      const { threads } = await client.request<{ threads: { id: number; name: string }[] }>('threads');
      const values = await Promise.all(['number', 'errors._M_i'].map((expression) => client.evaluate(expression, threadId)));
      return JSON.stringify([values, threads.length]);
    };
    const grow = async (steps: number) => {
      for (let i = 0; i < steps; ++i) {
        stop = await session.resume();
        wanted.set((await list(client)).current!, await stateOf(stop.threadId));
      }
    };
    await grow(4);
    stop = await restore(client, 3);
    await grow(3);
    stop = await restore(client, 4);
    await grow(3);
    const { snapshots } = await list(client);
    const parentOf = new Map(snapshots.map(({ id, parent }) => [id, parent]));
    const children = [...parentOf.values()].filter((parent) => parent !== null);
    expect(children.length - new Set(children).size, 'forks in the tree').to.equal(2);
    for (let turn = 0; turn < 20; ++turn) {
      const all = [...wanted.keys()];
      const id = all[(turn * 7) % all.length]!;
      stop = await restore(client, id);
      expect(await stateOf(stop.threadId), `snapshot ${id}`).to.equal(wanted.get(id));
    }
    await client.setBreakpoints(session.debuggee.source, [{ line: session.debuggee.line('@end') }]);
    stop = await session.resume();
    expect(await client.evaluate('errors._M_i', stop.threadId)).to.equal('0');
    await client.request('continue', { threadId: stop.threadId });
    expect(await client.exitCode()).to.equal(0);
  });

  it('leave the program its terminal: input and output go on after a restore', async () => {
    const client = sessions.connect();
    let shown = '';
    let relay: ChildProcess | undefined;
    let relayEnded: Promise<unknown> | undefined;
    const { master, path } = addon.openPty(20, 70);
    const terminal = new PtyMaster(master, path, (bytes) => (shown += bytes.toString()));
    const appears = async (text: string) => {
      while (!shown.includes(text)) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      shown = shown.slice(shown.indexOf(text) + text.length);
    };
    client.onReverseRequest = ({ command, arguments: args }) => {
      expect(command).to.equal('runInTerminal');
      const run = args as { args: string[]; env: Record<string, string>; kind: string };
      expect(run.kind).to.equal('integrated');
      const script = 'exec setsid --ctty --wait "$@" <"$0" >"$0" 2>&1';
      relay = spawn('sh', ['-c', script, path, ...run.args], { stdio: 'ignore', env: { ...process.env, ...run.env } });
      relayEnded = new Promise((resolve) => relay?.once('exit', resolve));
      return Promise.resolve({ shellProcessId: relay.pid });
    };
    try {
      const echo = debuggee('echo');
      const { program, source } = echo;
      await client.initialize({ supportsRunInTerminalRequest: true });
      const launched = client.request('launch', { program, console: 'integratedTerminal', snapshots: { auto: 'off' } });
      await Promise.all([launched, client.event('initialized')]);
      await client.setBreakpoints(source, [{ line: echo.line('@line') }]);
      await client.configurationDone();
      await appears('terminal: 1 1 1');
      terminal.write('first\r');
      const stop = await client.stopped('breakpoint');
      const { id } = await take(client);
      for (let turn = 0; turn < 3; ++turn) {
        await client.request('continue', { threadId: stop.threadId });
        await appears('out: first');
        terminal.write(`turn ${turn}\r`);
        await client.stopped('breakpoint');
        expect(await client.evaluate('line', stop.threadId)).to.contain(`turn ${turn}`);
        await restore(client, id);
      }
      await client.setBreakpoints(source, []);
      await client.request('continue', { threadId: stop.threadId });
      terminal.write('\x04');
      expect(await client.exitCode()).to.equal(5);
      await appears('5');
      expect(client.output('stdout')).to.equal('');
      await relayEnded;
    } finally {
      relay?.kill();
      terminal.destroy();
    }
  });
});
