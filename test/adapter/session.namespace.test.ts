// "pidNamespace": the program runs in a pid namespace of its own, and the debugger sees the same threads after a restore.
import { expect } from 'chai';
import { Sessions } from '../support/sessions';

describe('a session with "pidNamespace"', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  it('restores threads that ended unseen, under the ids that the debugger and the program know', async () => {
    const { client } = await sessions.launch('vanish', [], { snapshots: { auto: 'off' }, pidNamespace: true });
    await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'at_armed' }, { name: 'at_changed' }] });
    await client.configurationDone();
    const stop = await client.stopped();
    const names = async () => {
      const { threads } = await client.request<{ threads: { id: number; name: string }[] }>('threads');
      return threads.map(({ name }) => name).sort();
    };
    const before = await names();
    expect(before).to.have.length(5);
    expect(await client.evaluate('(int) getpid()', stop.threadId)).to.equal('2');
    await client.request('rollpoint/takeSnapshot', {});
    for (let turn = 0; turn < 3; ++turn) {
      await client.request('continue', { threadId: stop.threadId });
      await client.stopped();
      expect(await names()).to.have.length(1);
      await client.request('rollpoint/restoreSnapshot', { id: 1 });
      const back = await client.stopped('goto');
      expect(back.threadId).to.equal(stop.threadId);
      expect(await names()).to.deep.equal(before);
    }
    await client.request('setFunctionBreakpoints', { breakpoints: [] });
    await client.request('continue', { threadId: stop.threadId });
    expect(await client.exitCode()).to.equal(0);
  });
});
