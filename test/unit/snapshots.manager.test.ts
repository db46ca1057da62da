// The snapshot manager on a core of its own that only keeps accounts: order of events, retention, errors, exclusion.
// What the real core does is for test/native and test/adapter.
import { expect } from 'chai';
import { BrokenProgramError } from '../../adapter/errors';
import { messageOf, setUp } from '../support/managerRig';

describe('snapshot manager', () => {
  it('takes at breakpoints, not at steps, and tells once per change', async () => {
    const { stopAt, manager, lists } = setUp();
    await stopAt('breakpoint');
    await stopAt('step');
    await stopAt('exception');
    expect(lists.map((list) => [list.snapshots.length, list.current])).to.deep.equal([
      [1, 1],
      [2, 2],
    ]);
    const [first, second] = manager.list().snapshots;
    expect(first).to.deep.equal({
      id: 1,
      parent: null,
      label: null,
      reason: 'breakpoint',
      createdAt: 1000,
      threadId: 2,
      location: { name: 'tick', line: 3 },
      bytes: 10,
      pages: 1,
      pauseMicros: 7,
      pinned: false,
      exact: true,
      warnings: [],
    });
    expect(second).to.include({ id: 2, parent: 1, reason: 'exception' });
  });

  it('shows a snapshot: it stays, is not deleted, and the present is kept as what it is', async () => {
    const { stopAt, manager, ids, viewed, core, lists, told } = setUp();
    for (let i = 0; i < 3; i++) {
      await stopAt('breakpoint');
    }
    await manager.peek(1);
    expect(lists.at(-1)).to.include({ peeking: 1, current: 3 });
    expect(await messageOf(manager.delete(1))).to.equal('Snapshot 1 is on screen: return to the present first.');
    core.nextSize = 60;
    const { parent } = await manager.take();
    expect(parent).to.equal(3);
    core.nextSize = 30;
    await manager.take();
    expect(ids(), 'the one on screen outlives younger ones').to.deep.equal([1, 4, 5]);
    expect(told.join(' ')).to.match(/Snapshot 2 .*evicted/);
    await manager.peek(null);
    expect(viewed).to.deep.equal([1, null]);
    expect(manager.list()).to.include({ peeking: null, current: 5 });
    await manager.peek(1);
    expect(await manager.goOnFromPeek()).to.equal(1);
    expect(viewed.at(-1)).to.equal('enter');
    expect(manager.list()).to.include({ peeking: null, current: 1 });
    expect(ids(), 'nothing had moved: there was no new present').to.deep.equal([1, 4, 5]);
    expect(await manager.goOnFromPeek()).to.equal(null);
  });

  it('keeps nothing of a program that a restore has left half-way, and offers the newest other snapshot', async () => {
    const { stopAt, manager, ids, onRestore } = setUp();
    for (let i = 0; i < 3; i++) {
      await stopAt('breakpoint');
    }
    onRestore(() => Promise.reject(new BrokenProgramError('It failed half-way.')));
    expect(await messageOf(manager.restore(3))).to.equal('It failed half-way. The newest other one is snapshot 2.');
    expect(await messageOf(manager.restore(1))).to.equal('It failed half-way. The newest other one is snapshot 3.');
    expect(await messageOf(manager.take())).to.match(/in no state worth a snapshot. Restore one first/);
    await stopAt('breakpoint');
    onRestore(async () => undefined);
    await manager.restore(2);
    expect(ids()).to.deep.equal([1, 2, 3]);
    await stopAt('breakpoint');
    expect(ids()).to.deep.equal([1, 2, 3, 4]);
  });

  it('keeps the present before it rolls back, and says where the process stands before the stop is told', async () => {
    const { stopAt, manager, restored, onRestore } = setUp();
    await stopAt('breakpoint');
    await stopAt('step');
    let seen: number | null = null;
    onRestore(async () => {
      manager.onResume();
      await manager.onStop({ kind: 'goto', restoring: true });
      seen = manager.list().current;
    });
    await manager.restore(1);
    expect(restored).to.deep.equal([1]);
    expect(seen).to.equal(1);
    const { snapshots, current } = manager.list();
    expect(current).to.equal(1);
    expect(snapshots[1]).to.include({ id: 2, parent: 1, reason: 'restore', label: null });

    await manager.restore(2);
    expect(manager.list().snapshots).to.have.length(2);
    await stopAt('breakpoint');
    expect(manager.list().snapshots[2]).to.include({ id: 3, parent: 2 });
  });

  it('keeps the present when the user has changed a variable at the snapshot', async () => {
    const { stopAt, manager } = setUp();
    await stopAt('breakpoint');
    manager.onEdit();
    await manager.restore(1);
    expect(manager.list().snapshots.map(({ reason }) => reason)).to.deep.equal(['breakpoint', 'restore']);
  });

  it('gives up a run that was not the user\'s without a trace', async () => {
    const { core, stopAt, manager, restored, onRestore, ids } = setUp();
    await stopAt('breakpoint');
    manager.onResume();
    await manager.onStop({ kind: 'pause', restoring: true });
    let meanwhile = 0;
    onRestore(async () => void (meanwhile = core.sizes.size));
    await manager.giveUp(1);
    expect([restored, ids(), meanwhile, core.sizes.size]).to.deep.equal([[1], [1], 2, 1]);
    expect(manager.list()).to.include({ current: 1 });
    await manager.restore(1);
    expect(ids()).to.deep.equal([1]);
  });

  it('stays where it was when the rollback fails, and works on', async () => {
    const { stopAt, manager, onRestore } = setUp();
    await stopAt('breakpoint');
    await stopAt('breakpoint');
    onRestore(() => Promise.reject(new Error('no rollback today')));
    expect(await messageOf(manager.restore(1))).to.equal('no rollback today');
    expect(manager.list().current).to.equal(2);
    onRestore(async () => undefined);
    await manager.restore(1);
    expect(manager.list().current).to.equal(1);
  });

  it('does not wait for itself when the debuggee stops elsewhere during a restore', async () => {
    const { stopAt, manager, onRestore, ids } = setUp();
    await stopAt('breakpoint');
    onRestore(() => manager.onStop({ kind: 'breakpoint', restoring: false }));
    await manager.restore(1);
    expect(ids()).to.deep.equal([1]);
  });

  it('steps back and continues in reverse along the branch', async () => {
    const { stopAt, manager, restored } = setUp();
    await stopAt('breakpoint');
    await stopAt('breakpoint');
    await manager.take('by hand');
    await stopAt('step');
    await manager.stepBack();
    await manager.stepBack();
    expect(restored).to.deep.equal([3, 2]);
    await manager.reverseContinue();
    expect(restored.at(-1)).to.equal(1);
    expect(await messageOf(manager.stepBack())).to.match(/^There is no earlier snapshot on this branch/);
    expect(await messageOf(manager.reverseContinue())).to.match(/^There is no earlier breakpoint snapshot/);
    expect(restored).to.deep.equal([3, 2, 1]);
  });

  it('labels, pins, unpins and deletes', async () => {
    const { stopAt, manager, ids } = setUp();
    await stopAt('breakpoint');
    expect(await manager.take('  ')).to.include({ label: null, reason: 'manual' });
    expect(await manager.update(1, { label: 'start' })).to.include({ label: 'start', pinned: false });
    expect(await manager.update(1, { pinned: true })).to.include({ label: 'start', pinned: true });
    expect(await manager.update(1, { label: null })).to.include({ label: null, pinned: true });
    await manager.delete(1);
    expect(ids()).to.deep.equal([2]);
    expect(manager.list().snapshots[0]).to.include({ parent: null });
    expect(await messageOf(manager.restore(1))).to.equal('Snapshot 1 was deleted.');
    expect(await messageOf(manager.update(9, {}))).to.equal('There is no snapshot 9.');
  });

  it('takes one at a time, in the order asked for', async () => {
    const { stopAt, manager, core } = setUp();
    await stopAt('breakpoint');
    const taken = await Promise.all([manager.take('a'), manager.take('b'), manager.take('c')]);
    expect(taken.map(({ id, label, parent }) => [id, label, parent])).to.deep.equal([
      [2, 'a', 1],
      [3, 'b', 2],
      [4, 'c', 3],
    ]);
    expect(core.mostAtOnce).to.equal(1);
  });

  it('says why nothing can be taken or restored', async () => {
    const { stopAt, manager, core, told } = setUp();
    await stopAt('breakpoint');
    manager.onResume();
    expect(await messageOf(manager.take())).to.equal('The program is running: pause it first, then a snapshot can be taken.');
    expect(await messageOf(manager.restore(1))).to.match(/^The program is running/);
    core.failure = new Error('the kernel said no');
    await stopAt('breakpoint');
    await stopAt('breakpoint');
    expect(told).to.deep.equal(['No snapshot was taken at this stop: the kernel said no']);
    expect(await messageOf(manager.take())).to.equal('the kernel said no');
    manager.onLost([1], 'the program ran another program (exec).', true);
    expect(await messageOf(manager.restore(1))).to.equal('Snapshot 1 is gone: the program ran another program (exec).');
    expect(told.at(-1)).to.equal('the program ran another program (exec).');
    manager.onEnd();
    expect(await messageOf(manager.take())).to.match(/^The program has ended/);
  });

  describe('at the memory limit', () => {
    it('thins out the automatic ones, tells each, and explains later what became of them', async () => {
      const { stopAt, manager, ids, told, notices, lists, core } = setUp();
      core.nextSize = 30;
      await stopAt('breakpoint');
      await manager.take('mine');
      await stopAt('breakpoint');
      await stopAt('breakpoint');
      expect(ids()).to.deep.equal([1, 2, 4]);
      expect(manager.list().snapshots.map(({ parent }) => parent)).to.deep.equal([null, 1, 2]);
      await manager.update(4, { pinned: true });
      // All that is left lies on the way to the pinned one.
      await stopAt('breakpoint');
      expect(ids()).to.deep.equal([2, 4, 5]);
      expect(told).to.deep.equal([
        'Snapshot 3 (tick) was evicted: the snapshots reached "snapshots.memoryLimit" (100 B). Pin a snapshot to keep it.',
        'Snapshot 1 (tick) was evicted: the snapshots reached "snapshots.memoryLimit" (100 B). Pin a snapshot to keep it.',
      ]);
      expect(notices).to.deep.equal(['evicted', 'evicted']);
      expect(await messageOf(manager.restore(3))).to.equal(
        'Snapshot 3 was evicted; raise "snapshots.memoryLimit" or pin it to keep it.',
      );
      expect(lists.map((list) => list.snapshots.length)).to.deep.equal([1, 2, 3, 3, 3, 3]);
    });

    it('refuses hand-made ones and skips automatic ones, saying so once, until there is room again', async () => {
      const { stopAt, manager, ids, told, core } = setUp();
      await stopAt('breakpoint');
      core.nextSize = 50;
      await manager.take('a');
      await manager.take('b');
      expect(ids()).to.deep.equal([2, 3]);
      expect(await messageOf(manager.take('c'))).to.equal(
        'The snapshots that stay (hand-made, pinned and current) take 100 B of the 100 B that "snapshots.memoryLimit" ' +
          'allows: delete some, or raise it.',
      );
      told.length = 0;
      await stopAt('breakpoint');
      await stopAt('breakpoint');
      expect(ids()).to.deep.equal([2, 3]);
      expect(told).to.have.length(1);
      expect(told[0]).to.match(/^No more automatic snapshots for now\. /);
      await manager.delete(2);
      await stopAt('breakpoint');
      expect(ids()).to.deep.equal([3, 4]);
    });

    it('never evicts the one to be restored, and never refuses to keep the present', async () => {
      const { stopAt, manager, ids, core } = setUp();
      core.nextSize = 60;
      await stopAt('breakpoint');
      await stopAt('step');
      await manager.restore(1);
      expect(ids()).to.deep.equal([1, 2]);
      expect(manager.list().current).to.equal(1);
    });

    it('gives up a current one only when the process has moved on', async () => {
      const { stopAt, manager, ids, core } = setUp();
      core.nextSize = 120;
      await stopAt('breakpoint');
      expect(ids()).to.deep.equal([1]);
      expect(await messageOf(manager.take('same place'))).to.match(/delete some, or raise it/);
      await stopAt('breakpoint');
      expect(ids()).to.deep.equal([2]);
    });

    it('counts what the frozen twin keeps alive', async () => {
      const { stopAt, ids, core } = setUp();
      await stopAt('breakpoint');
      core.twinBytes = 95;
      await stopAt('breakpoint');
      expect(ids()).to.deep.equal([2]);
    });

    it('evicts one whose pin was taken off only with the next snapshot', async () => {
      const { stopAt, manager, ids, core } = setUp();
      core.nextSize = 60;
      await stopAt('breakpoint');
      await manager.update(1, { pinned: true });
      await stopAt('breakpoint');
      expect(ids()).to.deep.equal([1, 2]);
      await manager.update(1, { pinned: false });
      expect(ids()).to.deep.equal([1, 2]);
      await stopAt('breakpoint');
      expect(ids()).to.deep.equal([3]);
    });
  });
});
