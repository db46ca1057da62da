// Restores as the debugger shows them: place, values, threads, watchpoints, and what may be asked while the program runs.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { RestoreCheck, SnapshotInfo } from '../../adapter/protocol';
import type { DapClient } from '../support/dapClient';
import { list, Sessions } from '../support/sessions';

const take = async (client: DapClient, label?: string): Promise<SnapshotInfo> =>
  (await client.request<{ snapshot: SnapshotInfo }>('rollpoint/takeSnapshot', { label })).snapshot;

describe('restore in the debugger', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  const restore = async (client: DapClient, id: number) => {
    expect(await client.request('rollpoint/restoreSnapshot', { id })).to.deep.equal({});
    return client.stopped('goto');
  };

  it('takes a snapshot at a breakpoint before the client hears of the stop', async () => {
    const session = await sessions.launch('counter', ['5'], { snapshots: {} });
    const { client, debuggee } = session;
    const stop = await session.runTo('@tick');
    const { snapshots, current } = await list(client);
    expect(snapshots).to.have.length(1);
    expect(current).to.equal(1);
    expect(snapshots[0]).to.deep.include({ id: 1, parent: null, reason: 'breakpoint', threadId: stop.threadId, exact: true });
    expect(snapshots[0]!.location).to.deep.equal({ name: 'main', path: debuggee.source, line: debuggee.line('@tick') });
    const changed = client.events.findIndex(({ event }) => event === 'rollpoint/snapshotsChanged');
    expect(changed).to.be.lessThan(client.events.findIndex(({ event }) => event === 'stopped'));
  });

  it('goes back in place: line, locals, containers and what is expanded', async () => {
    const session = await sessions.launch('counter', ['6'], { snapshots: {} });
    const { client } = session;
    const { systemProcessId } = await client.event<{ systemProcessId: number }>('process');
    const stop = await session.runTo('@tick');
    const squares = (await client.locals(stop.threadId)).get('squares')!.variablesReference;
    await client.children(squares);
    for (let round = 0; round < 3; round++) {
      await session.resume();
    }
    expect([...(await client.children(squares)).values()].map(({ value }) => value)).to.deep.equal(['1', '4', '9', '16']);
    const back = await restore(client, 2);
    expect(back).to.deep.include({ description: 'Restored snapshot 2', allThreadsStopped: true, threadId: stop.threadId });
    await session.standsAt('@tick', back);
    expect(await client.evaluate('ticks', back.threadId)).to.equal('2');
    expect([...(await client.children(squares)).values()].map(({ value }) => value)).to.deep.equal(['1', '4']);
    const locals = await client.locals(back.threadId);
    expect(locals.get('text')?.value).to.equal('"tick number 2"');
    expect(locals.get('byName')?.value).to.equal('std::map with 2 elements');
    expect(await client.evaluate('(int) getpid()', back.threadId)).to.equal(String(systemProcessId));
    const next = await session.resume('next');
    expect(next.reason).to.equal('step');
    const again = await session.resume();
    expect(await client.evaluate('ticks', again.threadId)).to.equal('3');
  });

  it('is where it was when a restore fails half-way, and says so', async () => {
    const session = await sessions.launch('counter', ['6'], { snapshots: {} }, { ROLLPOINT_FAULT: 'memory' });
    const { client } = session;
    const stop = await session.runTo('@tick');
    await session.resume();
    const failed = await client.raw('rollpoint/restoreSnapshot', { id: 1 });
    expect(failed.success).to.equal(false);
    expect(failed.message).to.match(/^Snapshot 1 could not be restored: .*The program is where it was before\.$/);
    const here = await client.stopped('pause');
    await session.standsAt('@tick', here);
    expect(await client.evaluate('ticks', stop.threadId)).to.equal('2');
    await session.standsAt('@tick', await restore(client, 1));
    expect(await client.evaluate('ticks', stop.threadId)).to.equal('1');
    const again = await session.resume();
    expect(await client.evaluate('ticks', again.threadId)).to.equal('2');
  });

  it('offers the newest other snapshot when there is no way back from half-way', async () => {
    // The first is the restore, the second the way back.
    const session = await sessions.launch('counter', ['6'], { snapshots: {} }, { ROLLPOINT_FAULT: 'memory!' });
    const { client } = session;
    await session.runTo('@tick');
    await session.resume();
    await session.resume('next');
    const failed = await client.raw('rollpoint/restoreSnapshot', { id: 1 });
    expect(failed.message).to.match(/can no longer be trusted: restore another snapshot, or end the session\. The newest other one is snapshot 3\.$/);
    expect((failed.body as { error: DebugProtocol.Message }).error.showUser, 'the extension shows it').to.equal(false);
    await client.stopped('pause');
    const { message } = await client.raw('rollpoint/takeSnapshot');
    expect(message).to.match(/in no state worth a snapshot/);
    const { snapshots } = await list(client);
    expect(snapshots.map(({ id }) => id)).to.deep.equal([1, 2, 3]);
  });

  it('keeps the present before it goes back, and comes back to it', async () => {
    const session = await sessions.launch('counter', ['6'], { snapshots: {} });
    const { client } = session;
    await session.runTo('@tick');
    const stop = await session.resume('next');
    const line = (await client.top(stop.threadId)).line;
    await restore(client, 1);
    const { snapshots, current } = await list(client);
    expect(current).to.equal(1);
    const kept = snapshots.find(({ reason }) => reason === 'restore')!;
    const there = await restore(client, kept.id);
    expect((await client.top(there.threadId)).line).to.equal(line);
  });

  it('makes a branch of what runs on from a restored snapshot', async () => {
    const session = await sessions.launch('counter', ['9'], { snapshots: {} });
    const { client } = session;
    const stop = await session.runTo('@tick');
    await session.resume();
    await restore(client, 1);
    const { frameId } = await client.top(stop.threadId);
    await client.request('setExpression', { expression: 'ticks', value: '7', frameId });
    const on = await session.resume();
    expect(await client.evaluate('ticks', on.threadId)).to.equal('8');
    const { snapshots, current } = await list(client);
    const parents = snapshots.filter(({ reason }) => reason === 'breakpoint').map(({ id, parent }) => [id, parent]);
    expect(parents).to.deep.equal([[1, null], [2, 1], [current, 1]]);
    await client.setBreakpoints(session.debuggee.source, []);
    await client.request('continue', { threadId: 1 });
    expect(await client.exitCode()).to.equal(0);
  });

  it('steps back and reverses to the snapshots of the branch', async () => {
    const session = await sessions.launch('counter', ['6'], { snapshots: { auto: 'everyStop' } });
    const { client } = session;
    const stop = await session.runTo('@tick');
    await session.resume();
    await session.resume('next');
    await session.resume('next');
    await client.request('stepBack', { threadId: stop.threadId });
    expect((await client.stopped('goto')).description).to.equal('Restored snapshot 3');
    await client.request('reverseContinue', { threadId: stop.threadId });
    expect((await client.stopped('goto')).description).to.equal('Restored snapshot 2');
    await client.request('reverseContinue', { threadId: stop.threadId });
    expect((await client.stopped('goto')).description).to.equal('Restored snapshot 1');
    const refused = await client.raw('stepBack', { threadId: stop.threadId });
    expect(refused.success).to.equal(false);
    expect(refused.message).to.contain('no earlier snapshot');
    expect(await client.evaluate('ticks', stop.threadId)).to.equal('1');
  });

  it('takes a snapshot of a running program, which runs on', async () => {
    const { client } = await sessions.launch('playground', ['spin']);
    await client.configurationDone();
    const snapshot = await take(client, 'on the run');
    expect(snapshot).to.deep.include({ label: 'on the run', reason: 'manual' });
    expect(client.events.some(({ event }) => event === 'stopped')).to.equal(false);
    await client.request('pause', { threadId: 1 });
    expect((await client.stopped()).reason).to.equal('pause');
  });

  it('restores while the program runs, and stays there', async () => {
    const { client } = await sessions.launch('playground', ['spin']);
    await client.configurationDone();
    const { id } = await take(client);
    const back = await restore(client, id);
    const spins = await client.evaluate('spins', back.threadId);
    expect(await client.evaluate('spins', back.threadId)).to.equal(spins);
    expect((await client.raw('threads')).success).to.equal(true);
    await client.request('continue', { threadId: back.threadId });
    await client.request('pause', { threadId: 1 });
    await client.stopped('pause');
  });

  it('stops on a data breakpoint with the old value of the restored moment', async () => {
    const session = await sessions.launch('playground', ['hits']);
    const { client } = session;
    await session.runTo('@hit');
    const { id } = await take(client);
    const { dataId } = await client.request<DebugProtocol.DataBreakpointInfoResponse['body']>('dataBreakpointInfo', { name: 'watched' });
    await client.setBreakpoints(session.debuggee.source, []);
    await client.request('setDataBreakpoints', { breakpoints: [{ dataId }] });
    const first = await session.resume();
    expect(first.text).to.equal('0 → 1');
    expect((await session.resume()).text).to.equal('1 → 3');
    expect((await session.resume()).text).to.equal('3 → 6');
    await restore(client, id);
    expect((await session.resume()).text).to.equal('0 → 1');
  });

  it('restores from a stop in another thread', async () => {
    const session = await sessions.launch('playground', ['spin']);
    const { client, debuggee } = session;
    const stop = await session.runTo('@spin');
    const { id } = await take(client);
    const before = await client.evaluate('spins', stop.threadId);
    await client.setBreakpoints(debuggee.source, []);
    await client.request('continue', { threadId: stop.threadId });
    await client.request('pause', { threadId: 1 });
    await client.stopped('pause');
    const back = await restore(client, id);
    const { threads } = await client.request<DebugProtocol.ThreadsResponse['body']>('threads');
    const spinner = threads.find(({ name }) => name.includes('spinner'))!;
    expect(await client.evaluate('spins', spinner.id)).to.equal(before);
    expect(back.threadId).to.be.oneOf(threads.map((thread) => thread.id));
    expect((await client.top(spinner.id)).line).to.equal(debuggee.line('@spin'));
  });

  it('evaluates functions at a stop and still stands on its snapshot or says that it moved', async () => {
    const session = await sessions.launch('counter', ['6'], { snapshots: {} });
    const { client } = session;
    const stop = await session.runTo('@tick');
    expect(await client.evaluate('add(20, 22)', stop.threadId)).to.equal('42');
    await restore(client, 1);
    expect(await client.evaluate('ticks', stop.threadId)).to.equal('1');
    const next = await session.resume();
    expect(await client.evaluate('ticks', next.threadId)).to.equal('2');
  });

  it('says before a restore what it would not bring back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rollpoint-check-'));
    const { client } = await sessions.launch('files', [], { snapshots: {}, cwd: folder });
    const check = (id: number) => client.request<RestoreCheck>('rollpoint/checkRestore', { id });
    await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'at_armed' }, { name: 'at_changed' }] });
    await client.configurationDone();
    const { threadId } = await client.stopped();
    expect(await check(1)).to.deep.equal({ exact: false, warnings: (await list(client)).snapshots[0]!.warnings });
    await client.request('continue', { threadId });
    await client.stopped();
    writeFileSync(join(folder, 'cut'), 'by the user\n');
    const before = await list(client);
    const { exact, warnings } = await check(1);
    expect(exact).to.equal(false);
    expect(warnings.map(({ message }) => message).join()).to.match(/\/cut was changed by somebody else since the snapshot; it is left as it is/);
    expect(await list(client), 'it changes nothing').to.deep.equal(before);
    expect((await client.raw('rollpoint/checkRestore', { id: 99 })).message).to.contain('There is no snapshot 99');
    await sessions.end();
    rmSync(folder, { recursive: true });
  });

  it('answers for snapshots that are not there', async () => {
    const session = await sessions.launch('counter', ['6'], { snapshots: {} });
    const { client } = session;
    await session.runTo('@tick');
    for (const [command, args, words] of [
      ['rollpoint/restoreSnapshot', { id: 99 }, 'There is no snapshot 99'],
      ['rollpoint/updateSnapshot', { id: 99, pinned: true }, 'There is no snapshot 99'],
      ['rollpoint/deleteSnapshot', { id: 99 }, 'There is no snapshot 99'],
      ['rollpoint/restoreSnapshot', { id: 'first' }, '"first" is no snapshot'],
      ['rollpoint/deleteSnapshot', {}, 'is no snapshot'],
    ] as const) {
      const response = await client.raw(command, args);
      expect(response.success, command).to.equal(false);
      expect(response.message, command).to.contain(words);
    }
    await client.request('rollpoint/deleteSnapshot', { id: 1 });
    expect((await client.raw('rollpoint/restoreSnapshot', { id: 1 })).message).to.contain('was deleted');
    expect(await client.evaluate('ticks', 1)).to.equal('1');
  });

  it('goes back from a crash and avoids it', async () => {
    const session = await sessions.launch('crash');
    const { client } = session;
    await session.runTo('@before');
    const { id } = await take(client);
    const crash = await session.resume();
    expect(crash.description).to.equal('Segmentation fault (SIGSEGV)');
    const back = await restore(client, id);
    await session.standsAt('@before', back);
    const again = await session.resume();
    expect(again.description).to.equal('Segmentation fault (SIGSEGV)');
  });

  it('goes back and forth twenty times', async () => {
    const session = await sessions.launch('counter', ['30'], { snapshots: {} });
    const { client } = session;
    const stop = await session.runTo('@tick');
    for (let round = 0; round < 4; round++) {
      await session.resume();
    }
    for (let round = 0; round < 20; round++) {
      const id = 1 + ((round * 3) % 5);
      await restore(client, id);
      expect(await client.evaluate('ticks', stop.threadId)).to.equal(String(id));
      expect(await client.evaluate('squares.size()', stop.threadId)).to.equal(String(id));
    }
  });

  it('answers all that a client asks at once', async () => {
    const session = await sessions.launch('playground', ['spin'], { snapshots: {} });
    const { client, debuggee } = session;
    await session.runTo('@spin');
    await session.resume();
    const answers = await Promise.all([
      client.raw('rollpoint/restoreSnapshot', { id: 1 }),
      client.raw('setBreakpoints', { source: { path: debuggee.source }, breakpoints: [{ line: debuggee.line('@spin') }, { line: debuggee.line('@bottom') }] }),
      client.raw('rollpoint/takeSnapshot', { label: 'meanwhile' }),
      client.raw('rollpoint/restoreSnapshot', { id: 2 }),
      client.raw('setFunctionBreakpoints', { breakpoints: [{ name: 'deep' }] }),
      client.raw('threads'),
    ]);
    expect(answers.map(({ success }) => success)).to.deep.equal([true, true, true, true, true, true]);
    expect((await client.stopped('goto')).description).to.equal('Restored snapshot 1');
    expect((await client.stopped('goto')).description).to.equal('Restored snapshot 2');
    await client.setBreakpoints(debuggee.source, []);
    await client.request('continue', { threadId: 1 });
    const busy = await Promise.all([
      client.raw('rollpoint/takeSnapshot', {}),
      client.raw('setFunctionBreakpoints', { breakpoints: [] }),
      client.raw('rollpoint/takeSnapshot', {}),
      client.raw('rollpoint/restoreSnapshot', { id: 1 }),
    ]);
    expect(busy.map(({ success }) => success)).to.deep.equal([true, true, true, true]);
    expect((await client.stopped('goto')).description).to.equal('Restored snapshot 1');
  });
});
