// Ends while a child is followed: of its parent, of itself, of both; by themselves and by SIGKILL.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { NativeEvent, RollbackResult } from '../../adapter/core/native';
import { Rig, type Stopped } from '../support/native';

describe('while a child is followed', () => {
  let rig: Rig;
  afterEach(() => rig?.dispose());

  const launch = async (how: string, options: object, ...symbols: string[]) => {
    rig = await Rig.launch('follow', [how], options);
    await rig.core.followChildren(true);
    await rig.breakAt(...symbols);
  };

  const to = async (symbol: string) => {
    const stop = await rig.continueToBreakpoint();
    expect(await rig.register(stop.tid, 'rip')).to.equal(rig.address(symbol));
    return stop;
  };

  const capture = async (tid: number) => (await rig.core.capture({ tid, files: 'rewind' })).id;
  const verify = async (id: number) => expect(await rig.core.verify(id), `verify(${id})`).to.deep.equal([]);

  const followed = async () => {
    const stop = await rig.continue();
    expect(stop).to.include({ type: 'stopped', reason: 'followed' });
    return stop as Stopped;
  };

  const state = (pid: number) => /^State:\t(.)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]!;

  describe('the end of the first process', () => {
    it('waits until the child has ended', async () => {
      await launch('orphan', {}, 'at_child', 'at_changed');
      await to('at_child');
      await to('at_changed');
      expect(rig.told.at(-1)).to.match(/^The program's first process \(\d+\) has come to its end, and stays there until process \d+ has ended, which the debugger follows\.$/);
      expect(state(rig.pid)).to.equal('t');
      const back = await followed();
      expect(back.tid).to.equal(rig.pid);
      expect(rig.told.at(-1)).to.match(/has exited with code 5; the debugger is with process \d+ again/);
      expect(await rig.continue()).to.include({ type: 'exited', code: 3 });
      expect(await rig.allOutput()).to.equal('PASS\n');
    });

    it('is undone by a rollback, and comes again', async () => {
      await launch('orphan', { holdAtExit: true }, 'at_parent', 'at_child', 'at_changed');
      const { tid } = await to('at_parent');
      const parent = await capture(tid);
      const child = await capture((await to('at_child')).tid);
      const orphan = await capture((await to('at_changed')).tid);
      for (let turn = 0; turn < 5; ++turn) {
        await rig.core.rollback(child);
        await verify(child);
        await to('at_changed');
        expect(rig.told.at(-1)).to.match(/has come to its end/);
        await rig.core.rollback(orphan);
        await verify(orphan);
        await rig.core.rollback(parent);
        await verify(parent);
        expect(await rig.readInt('who')).to.equal(1);
        await to('at_child');
        await rig.core.rollback(orphan);
      }
      await rig.clearBreakpoints();
      expect(await rig.continue()).to.include({ type: 'stopped', reason: 'exit', code: 5 });
      await followed();
      expect(await rig.continue()).to.include({ type: 'stopped', reason: 'exit', code: 3 });
      await rig.core.rollback(child);
      await verify(child);
      expect(await rig.continue()).to.include({ type: 'stopped', reason: 'exit', code: 5 });
      await followed();
      expect(await rig.continue()).to.include({ type: 'stopped', reason: 'exit', code: 3 });
      expect(await rig.continue()).to.include({ type: 'exited', code: 3 });
    });

    it('by a signal is told when the child has ended', async () => {
      await launch('fork', {}, 'at_child', 'at_changed');
      await to('at_child');
      process.kill(rig.pid, 'SIGTERM');
      await to('at_changed');
      await to('at_changed');
      const back = await followed();
      expect(back.tid).to.equal(rig.pid);
      const stop = (await rig.continue()) as Stopped;
      expect(stop).to.include({ type: 'stopped', reason: 'signal', signal: 15, fatal: true, tid: rig.pid });
      await rig.resume({ tid: rig.pid, kind: 'continue', signal: 15 });
      expect(await rig.next()).to.include({ type: 'killed', signal: 15 });
    });
  });

  describe('SIGKILL', () => {
    const started = async () => {
      // Where they come back in another process their numbers must be kept.
      await launch('fork', { launch: { pidNamespace: process.getuid!() !== 0 } }, 'at_parent', 'at_child', 'at_changed', 'at_back');
      await to('at_parent');
      const parent = await capture(rig.pid);
      const { tid } = await to('at_child');
      const child = await capture(tid);
      await verify(child);  // complete: one that was killed before that is told to be lost
      return { parent, tid, child };
    };

    /** `stopped`: the child was seen to end before its parent did, so the debugger was with the parent and stopped there. */
    const revived = async () => {
      let event = (await rig.next()) as NativeEvent;
      const stopped = event.type === 'stopped' && event.reason === 'followed';
      if (stopped) event = await rig.next();
      if (event.type !== 'revived') throw new Error(`Expected to be revived, got ${JSON.stringify(event)}. ${[...rig.logs, ...rig.told].join('\n')}`);
      rig.pid = event.newPid;
      return { ...event, stopped };
    };

    /** From the snapshot in the child. */
    const goesOn = async (child: number, warnings: RollbackResult['warnings']) => {
      expect(await rig.core.verify(child), `verify(${child}): ${JSON.stringify(warnings)}`).to.deep.equal([]);
      expect(await rig.readInt('who')).to.equal(2);
      await to('at_changed');
      await to('at_changed');
      await followed();
      expect(await rig.readInt('who')).to.equal(1);
      await to('at_back');
    };

    it('of the child: the debugger is with its parent, and the child comes back with a snapshot', async () => {
      const { child, parent, tid } = await started();
      let pid = tid;
      for (let turn = 0; turn < 3; ++turn) {
        process.kill(pid, 'SIGKILL');
        await rig.resume();
        expect(await rig.nextStop()).to.include({ reason: 'followed' });
        expect(rig.told.at(-1)).to.match(/was ended by signal 9; the debugger is with process \d+ again/);
        await goesOn(child, (await rig.core.rollback(child)).warnings);
        pid = (await rig.core.rollback(child)).tid;
      }
      await rig.core.rollback(parent);
      await verify(parent);
      await to('at_child');
    });

    for (const whom of ['the first process', 'both']) {
      for (const running of [false, true]) {
        it(`of ${whom}${running ? ', while they run' : ''}: the newest snapshot comes back, in the child`, async () => {
          const { child, parent } = await started();
          for (let turn = 0; turn < 3; ++turn) {
            const victims = [rig.pid, ...(whom === 'both' ? [rig.focus!.newPid] : [])];
            if (running) {
              await rig.writeInt('who', 20);
              await rig.clearBreakpoints();
              await rig.resume();
            }
            for (const pid of victims.reverse()) process.kill(pid, 'SIGKILL');
            const { id, warnings, stopped } = await revived();
            expect(id).to.equal(child);
            if (stopped) expect({ whom, running }).to.deep.equal({ whom: 'both', running: true });
            if (stopped || !running) await rig.resume();
            expect(await rig.nextStop()).to.include({ reason: 'revived' });
            await rig.breakAt('at_parent', 'at_child', 'at_changed', 'at_back');
            await goesOn(child, warnings);
            await rig.core.rollback(parent);
            await verify(parent);
            await to('at_child');
            await rig.core.rollback(child);
          }
        });
      }
    }

    it('of the first process without a snapshot: the session ends, and says who goes on', async () => {
      await launch('fork', {}, 'at_child');
      const { tid } = await to('at_child');
      process.kill(rig.pid, 'SIGKILL');
      expect(await rig.next()).to.include({ type: 'killed', signal: 9 });
      expect(rig.told.at(-1)).to.equal(`The program's first process has ended, and the session ends with it: process ${tid}, which the debugger followed, runs on without it.`);
    });
  });
});
