// The program is killed with SIGKILL: the session goes on at the snapshot before it, in a new process.
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { SnapshotList } from '../../adapter/protocol';
import { Sessions } from '../support/sessions';

/** The debuggee among what the adapter has started: not gdb, and not the twin. */
function debuggeeOf(adapter: number, name: string): number {
  const children = readdirSync(`/proc/${adapter}/task`).flatMap((tid) => readFileSync(`/proc/${adapter}/task/${tid}/children`, 'utf8').split(' ').filter(Boolean));
  const found = children.filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name);
  expect(found).to.have.length(1);
  return Number(found[0]);
}

for (const pidNamespace of [false, true]) {
  describe(`a program killed from outside${pidNamespace ? ', in a pid namespace' : ''}`, () => {
    const sessions = new Sessions();
    afterEach(() => sessions.end());

    it('comes back at the newest snapshot', async () => {
      const { client, ...session } = await sessions.launch('counter', ['6'], { snapshots: {}, pidNamespace });
      const stop = await session.runTo('@tick');
      for (let ticks = 1; ticks < 3; ++ticks) {
        await session.resume();
      }
      expect(await client.evaluate('ticks', stop.threadId)).to.equal('3');
      for (let turn = 0; turn < 2; ++turn) {
        process.kill(debuggeeOf(client.pid, 'counter'), 'SIGKILL');
        const back = await client.stopped('goto');
        expect(back).to.deep.include({ threadId: stop.threadId });
        await session.standsAt('@tick', back);
        expect(await client.evaluate('ticks', back.threadId)).to.equal('3');
        const { current } = await client.request<SnapshotList>('rollpoint/listSnapshots');
        expect(current).to.equal(3);
      }
      await client.outputMatching('important', /The program was killed; snapshot 3 has been restored into a new process \(pid \d+\)/);
      await session.resume('next');
      await session.resume();
      expect(await client.evaluate('ticks', stop.threadId)).to.equal('4');
      await client.setBreakpoints(session.debuggee.source, []);
      await client.request('rollpoint/restoreSnapshot', { id: 1 });
      await client.stopped('goto');
      expect(await client.evaluate('ticks', stop.threadId)).to.equal('1');
      await client.request('continue', { threadId: stop.threadId });
      expect(await client.exitCode()).to.equal(0);
    });

    it('comes back while it runs, and can be debugged on', async () => {
      const { client } = await sessions.launch('echo', [], { snapshots: { auto: 'off' }, pidNamespace });
      await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'main' }] });
      await client.configurationDone();
      const stop = await client.stopped();
      await client.request('rollpoint/takeSnapshot', {});
      const place = await client.top(stop.threadId);
      for (let turn = 0; turn < 3; ++turn) {
        await client.request('continue', { threadId: stop.threadId });
        await client.outputMatching('stdout', new RegExp(`(terminal: [^]*){${turn + 1}}`));
        process.kill(debuggeeOf(client.pid, 'echo'), 'SIGKILL');
        const back = await client.stopped('goto');
        expect(back).to.deep.include({ description: 'Restored snapshot 1 after the program was killed', threadId: stop.threadId });
        expect(await client.top(back.threadId)).to.deep.include({ name: place.name, line: place.line });
      }
      await client.request('next', { threadId: stop.threadId });
      await client.stopped('step');
    });

    it('comes back also where gdb was looking at it', async () => {
      const { client } = await sessions.launch('echo', [], { snapshots: { auto: 'off' }, pidNamespace });
      await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'main' }] });
      await client.configurationDone();
      const stop = await client.stopped();
      await client.request('rollpoint/takeSnapshot', {});
      for (let turn = 0; turn < 5; ++turn) {
        await client.request('continue', { threadId: stop.threadId });
        // It is taken off its breakpoint now, or runs already.
        process.kill(debuggeeOf(client.pid, 'echo'), 'SIGKILL');
        const back = await client.stopped('goto');
        expect(await client.top(back.threadId)).to.include({ name: 'main' });
      }
    });
  });
}
