// The children of a program as a session treats them that does not follow them.
import { expect } from 'chai';
import { Sessions } from '../support/sessions';

describe('a session and the children of its program', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  it('says that "set detach-on-fork off" has no effect, and what has', async () => {
    const { client } = await sessions.launch('forks', [], { setupCommands: ['set detach-on-fork off'] });
    await client.configurationDone();
    expect(await client.event('exited')).to.deep.equal({ exitCode: 0 });
    expect(client.output('important')).to.match(/"set detach-on-fork off" has no effect: gdb is shown one process at a time\. "followFork"/);
    expect(client.output('stdout')).to.equal('child 8\nown 10\n');
  });

  it('says that children that are let run cannot be followed', async () => {
    const { client } = await sessions.launch('forks', [], { setupCommands: ['set follow-fork-mode child'], snapshots: { auto: 'off', children: 'ignore' } });
    await client.configurationDone();
    expect(await client.event('exited')).to.deep.equal({ exitCode: 0 });
    expect(client.output('important')).to.match(/"set follow-fork-mode child" has no effect\. Processes that the program starts are not held/);
  });

  it('leaves a child to a second session with "ignore"', async () => {
    const { client } = await sessions.launch('children', ['--lasting'], { snapshots: { auto: 'off', children: 'ignore' } });
    await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'at_armed' }] });
    await client.configurationDone();
    const stop = await client.stopped('function breakpoint');
    const pid = Number(await client.evaluate('listener.pid', stop.threadId));
    const second = sessions.connect();
    await second.initialize();
    await Promise.all([second.request('attach', { pid, snapshots: { auto: 'off' } }), second.event('initialized')]);
    await second.configurationDone();
    const { threads } = await second.request<{ threads: { id: number }[] }>('threads');
    const threadId = threads[0]!.id;
    await second.request('pause', { threadId });
    await second.stopped();
    expect(await second.evaluate('sizeof(words)', threadId)).to.equal('16384');
    await second.request('disconnect', {});
    await client.request('setFunctionBreakpoints', { breakpoints: [] });
    await client.request('continue', { threadId: stop.threadId });
    expect(await client.event('exited')).to.deep.equal({ exitCode: 0 });
    expect(client.output('stdout')).to.match(/PASS/);
  });
});
