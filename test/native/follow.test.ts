// Which process of the tree the debugger shows: a child that is followed, its child, one that runs another program; and
// what snapshots make of it.
import { expect } from 'chai';
import { Rig, type Stopped } from '../support/native';

describe('following a child', () => {
  let rig: Rig;
  afterEach(() => rig?.dispose());

  const launch = async (how: string, ...symbols: string[]) => {
    // The program waits for its children by number: where one comes back, it must have its own again.
    rig = await Rig.launch('follow', [how], { launch: { pidNamespace: process.getuid!() !== 0 } });
    await rig.core.followChildren(true);
    await rig.breakAt(...symbols);
  };

  const isAt = async (stop: Stopped, symbol: string) => expect(await rig.register(stop.tid, 'rip')).to.equal(rig.address(symbol));

  const toBreakpoint = async (symbol: string) => {
    const stop = await rig.continueToBreakpoint();
    await isAt(stop, symbol);
    return stop;
  };

  const followed = async () => {
    const stop = await rig.continue();
    expect(stop).to.include({ type: 'stopped', reason: 'followed' });
    return stop as Stopped;
  };

  it('goes with it where it is born, and back to the parent when it has ended', async () => {
    await launch('fork', 'at_parent', 'at_child', 'at_back');
    const { tid } = await toBreakpoint('at_parent');
    expect(tid).to.equal(rig.pid);
    const child = await toBreakpoint('at_child');
    expect(child.tid).to.not.equal(rig.pid);
    expect(rig.focus).to.include({ newPid: child.tid, tid: child.tid, knownAs: rig.pid });
    expect(await rig.readInt('who')).to.equal(2);
    expect((await rig.core.threads()).map(({ tid }) => tid)).to.deep.equal([child.tid]);
    expect((await followed()).tid).to.equal(rig.pid);
    expect(rig.told.at(-1)).to.match(/has exited with code 5; the debugger is with process \d+ again/);
    expect(await rig.readInt('who')).to.equal(1);
    await toBreakpoint('at_back');
    expect(await rig.continue()).to.include({ type: 'exited', code: 0 });
    expect(await rig.allOutput()).to.equal('PASS\n');
  });

  it('to its own child, and back one by one', async () => {
    await launch('grandchild', 'at_child', 'at_grandchild', 'at_back');
    await toBreakpoint('at_child');
    await toBreakpoint('at_grandchild');
    expect(await rig.readInt('who')).to.equal(3);
    await followed();
    expect(await rig.readInt('who')).to.equal(2);
    await followed();
    expect(await rig.readInt('who')).to.equal(1);
    await toBreakpoint('at_back');
    expect(await rig.continue()).to.include({ type: 'exited', code: 0 });
  });

  it('that is stepped into: the step goes on in the child', async () => {
    await launch('fork', 'at_parent', 'at_child');
    const { tid } = await toBreakpoint('at_parent');
    await rig.clearBreakpoints();
    await rig.breakAt('at_child');
    await rig.resume({ tid, kind: 'range', signal: 0, start: 0n, end: (1n << 63n) - 1n });
    const stop = await rig.nextStop();
    expect(stop.reason).to.equal('breakpoint');
    expect(stop.tid).to.not.equal(tid);
    await isAt(stop, 'at_child');
  });

  for (const how of ['exec', 'spawn']) {
    it(`that runs another program (${how})`, async () => {
      await launch(how, 'at_parent');
      await toBreakpoint('at_parent');
      const stop = await rig.continue();
      expect(stop).to.include({ type: 'stopped', reason: 'exec' });
      await rig.breakAt('at_program');
      await toBreakpoint('at_program');
      expect(await rig.readInt('who')).to.equal(4);
      const back = await followed();
      expect(back.executable).to.match(/follow$/);
      expect(await rig.readInt('who')).to.equal(1);
      await rig.breakAt('at_back');
      await toBreakpoint('at_back');
      expect(await rig.continue()).to.include({ type: 'exited', code: 0 });
    });
  }

  it('is for each snapshot as it was then', async () => {
    await launch('grandchild', 'at_parent', 'at_child', 'at_changed', 'at_back');
    const { tid } = await toBreakpoint('at_parent');
    const parent = await rig.core.capture({ tid, files: 'rewind' });
    const first = await toBreakpoint('at_child');
    const child = await rig.core.capture({ tid: first.tid, files: 'rewind' });
    expect(child.threads).to.deep.equal([first.tid]);
    for (let turn = 0; turn < 5; ++turn) {
      expect((await rig.core.rollback(parent.id)).tid).to.equal(rig.pid);
      expect(rig.focus?.newPid).to.equal(rig.pid);
      expect(await rig.core.verify(parent.id)).to.deep.equal([]);
      expect(await rig.readInt('who')).to.equal(1);
      const born = await toBreakpoint('at_child');
      expect(await rig.readInt('who')).to.equal(2);
      await toBreakpoint('at_changed');
      const again = await rig.core.rollback(child.id);
      expect(rig.focus).to.include({ newPid: again.tid, knownAs: rig.pid });
      expect(again.tid).to.not.equal(born.tid);
      expect(await rig.core.verify(child.id)).to.deep.equal([]);
      await isAt({ tid: again.tid } as Stopped, 'at_child');
      await toBreakpoint('at_changed');
    }
    await followed();
    await toBreakpoint('at_changed');
    await followed();
    await toBreakpoint('at_back');
    await rig.core.rollback(child.id);
    expect(await rig.readInt('who')).to.equal(2);
    await rig.clearBreakpoints();
    await followed();
    await followed();
    expect(await rig.continue()).to.include({ type: 'exited', code: 0 });
    expect(await rig.allOutput()).to.match(/^PASS\n$/);
  });

  it('is a choice of the user for those that are there', async () => {
    rig = await Rig.launch('follow', ['grandchild']);
    await rig.core.followChildren(true);
    await rig.breakAt('at_child', 'at_grandchild');
    const child = await toBreakpoint('at_child');
    await toBreakpoint('at_grandchild');
    await rig.core.follow(rig.pid);
    expect(rig.focus?.newPid).to.equal(rig.pid);
    expect(await rig.readInt('who')).to.equal(1);
    await rig.core.follow(child.tid);
    expect(await rig.readInt('who')).to.equal(2);
    const refused = await rig.core.follow(1).then(() => '', (error: Error) => error.message);
    expect(refused).to.match(/Process 1 is not one that the program has started/);
    await followed();
    expect(await rig.readInt('who')).to.equal(1);
    expect(await rig.continue()).to.include({ type: 'exited', code: 0 });
  });
});
