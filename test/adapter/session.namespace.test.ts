// "pidNamespace": the program runs in a pid namespace of its own, and the debugger sees the same threads after a restore.
import { expect } from 'chai';
import { debuggee } from '../support/debuggees';
import { Sessions } from '../support/sessions';

describe('a session with "pidNamespace"', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  it('says what to do where the system allows none', async () => {
    const none = 'echo 0 > /proc/sys/user/max_pid_namespaces && exec "$@"';
    const client = sessions.connect({ through: ['unshare', '--user', '--map-root-user', 'sh', '-c', none, 'sh'] });
    const { program } = debuggee('vanish');
    const refused = await client.launch({ program, pidNamespace: true, snapshots: { auto: 'off' } }).catch((error: unknown) => String(error));
    expect(refused).to.match(/This system does not let the program run in a pid namespace of its own \(unshare: No space left on device\)\. Raise the limit .*max_pid_namespaces.*or leave out "pidNamespace"/);
    expect(refused).not.to.match(/Rollpoint failed/);
  });

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
