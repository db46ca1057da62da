// A program that is killed with SIGKILL: its snapshot comes back in a new process, and goes on there as it would have.
import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import type { LaunchOptions, NativeEvent, TrackerKind } from '../../adapter/core/native';
import { addon, Rig } from '../support/native';

type Revived = Extract<NativeEvent, { type: 'revived' }>;

const trackers = addon.probe().tracker === 'compare' ? (['compare'] as const) : (['userfaultfd', 'compare'] as const);
const root = process.getuid!() === 0;

describe('a killed program', () => {
  let rig: Rig;
  afterEach(() => rig?.dispose());

  async function launch(program: string, args: string[], launch: Partial<LaunchOptions> = {}, tracker: TrackerKind = trackers[0]) {
    rig = await Rig.launch(program, args, { tracker, launch });
  }

  /** Kills the program, and waits until it is back. */
  async function killed(how: () => void): Promise<Revived> {
    how();
    const event = (await rig.next()) as NativeEvent;
    if (event.type !== 'revived') {
      throw new Error(`Expected to be revived, got ${JSON.stringify(event)}. ${rig.logs.join('\n')}\n${rig.output}`);
    }
    rig.pid = event.newPid;
    return event;
  }

  const kill = () => process.kill(rig.pid, 'SIGKILL');
  /** Nothing runs at the first resume: whoever resumes must learn first that the program is elsewhere. */
  const told = async () => {
    await rig.resume();
    expect(await rig.nextStop()).to.deep.include({ reason: 'revived', tid: rig.pid });
  };

  const capture = async () => (await rig.core.capture({ tid: rig.pid, files: 'rewind' })).id;
  const verify = async (id: number) => expect(await rig.core.verify(id), `verify(${id})`).to.deep.equal([]);

  for (const tracker of trackers) {
    it(`comes back, again and again, and runs to its end (${tracker})`, async () => {
      await launch('counter', ['6'], {}, tracker);
      await rig.breakAt('_Z3addii');
      await rig.continueToBreakpoint();
      await capture();
      for (const total of [1, 3]) {
        await rig.continueToBreakpoint();
        expect(await rig.readInt('total')).to.equal(total);
        await capture();
      }
      for (let turn = 0; turn < 5; ++turn) {
        expect(await killed(kill)).to.include({ id: 3 });
        expect(await rig.readInt('total')).to.equal(3);
        await verify(3);
        await rig.core.rollback(1);
        expect(await rig.readInt('total')).to.equal(0);
        await verify(1);
        await rig.core.rollback(3);
        await verify(3);
      }
      await rig.continueToBreakpoint();
      expect(await rig.readInt('total')).to.equal(6);
      const later = await capture();
      await verify(later);
      await rig.clearBreakpoints();
      expect(await rig.continue(), rig.output).to.deep.include({ type: 'exited', code: 0 });
      expect(await rig.allOutput()).to.match(/15|total/);
    });
  }

  for (const pidNamespace of [true, false]) {
    it(`comes back with its ten threads${pidNamespace ? ' and all ids, in a pid namespace' : ''}`, async () => {
      await launch('threads10', ['30'], { pidNamespace });
      await rig.breakAt('at_step');
      for (let i = 0; i < 12; ++i) await rig.continueToBreakpoint();
      const id = await capture();
      const threads = (await rig.core.threads()).length;
      expect(threads).to.be.greaterThan(10);
      for (let turn = 0; turn < 3; ++turn) {
        await rig.continueToBreakpoint();
        const { warnings, renamed } = await killed(kill);
        await told();
        expect(await rig.core.threads()).to.have.length(threads);
        if (pidNamespace || root) {
          expect(warnings).to.deep.equal([]);
          await verify(id);
        } else {
          expect(warnings.map(({ kind }) => kind)).to.deep.equal(['process', 'threads']);
          expect(renamed).to.have.length(threads);
        }
        for (let i = 0; i < 5; ++i) await rig.continueToBreakpoint();
        await rig.core.rollback(id);
      }
      await rig.clearBreakpoints();
      await rig.breakAt('at_end');
      const { tid } = await rig.continueToBreakpoint();
      expect(await rig.register(tid, 'rdi'), rig.output).to.equal(0n);
      await rig.clearBreakpoints();
      expect(await rig.continue(), rig.output).to.deep.include({ type: 'exited', code: 0 });
    });
  }

  it('keeps its terminal and its descriptors', async () => {
    await launch('attributes', ['process']);
    await rig.breakAt('at_armed', 'at_changed', 'at_checked');
    await rig.continueToBreakpoint();
    const id = await capture();
    await rig.continueToBreakpoint();
    await killed(kill);
    await told();
    await verify(id);
    const tty = execFileSync('ps', ['-o', 'tty=,sid=,pgid=', '-p', String(rig.pid)], { encoding: 'utf8' }).trim().split(/ +/);
    expect(tty[0]).to.match(/^pts/);
    expect(tty.slice(1)).to.deep.equal([String(rig.pid), String(rig.pid)]);
    await rig.continueToBreakpoint();
    await rig.continueToBreakpoint();
    await rig.clearBreakpoints();
    expect(await rig.continue(), await rig.allOutput()).to.deep.include({ type: 'exited', code: 0 });
  });

  it('also where its whole group is killed', async () => {
    await launch('counter', ['1000']);
    await rig.breakAt('_Z3addii');
    await rig.continueToBreakpoint();
    const id = await capture();
    for (let turn = 0; turn < 10; ++turn) {
      await rig.continueToBreakpoint();
      expect(await killed(() => process.kill(-rig.pid, 'SIGKILL'))).to.include({ id });
      await told();
      await rig.continueToBreakpoint();
    }
  });

  it('is told at once where it ran', async () => {
    await launch('threads10', ['1000000']);
    await rig.breakAt('at_step');
    await rig.continueToBreakpoint();
    const id = await capture();
    await rig.clearBreakpoints();
    for (let turn = 0; turn < 5; ++turn) {
      await rig.resume();
      await new Promise((resolve) => setTimeout(resolve, 5));
      await killed(kill);
      expect(await rig.nextStop()).to.deep.include({ reason: 'revived' });
      await rig.core.rollback(id);
    }
  });

  it('says why it cannot come back: its twin was killed too', async () => {
    await launch('counter', ['1000']);
    await rig.breakAt('_Z3addii');
    await rig.continueToBreakpoint();
    await capture();
    await rig.continueToBreakpoint();
    const twin = execFileSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' })
      .split('\n')
      .map((line) => line.trim().split(/ +/))
      .find(([, parent, name]) => Number(parent) === process.pid && name === 'rollpoint-twin');
    process.kill(Number(twin![0]), 'SIGKILL');
    kill();
    expect(await rig.next()).to.deep.include({ type: 'killed', signal: 9 });
    expect(rig.logs.join('\n')).to.match(/no snapshot could be restored into a new process: the frozen twin .* was killed with it\. The snapshots went with it/);
  });

  const busy: Record<string, () => Promise<unknown>> = {
    'its first snapshot is taken': () => rig.core.capture({ tid: rig.pid, files: 'rewind' }),
    'another is taken': () => rig.core.capture({ tid: rig.pid, files: 'rewind' }),
    'it is rolled back': () => rig.core.rollback(1),
  };
  for (const [what, work] of Object.entries(busy)) {
    for (const [program, symbol] of [['threads10', 'at_step'], ['counter', '_Z3addii']] as const) {
      it(`has an end that is told, or comes back, at whatever moment it is killed while ${what} (${program})`, async () => {
        for (let moment = 0; moment < 6; ++moment) {
          await launch(program, ['30']);
          await rig.breakAt(symbol);
          await rig.continueToBreakpoint();
          if (what !== 'its first snapshot is taken') {
            await capture();
            await rig.continueToBreakpoint();
          }
          const done = work().catch(() => undefined);
          const from = process.hrtime.bigint();
          while (process.hrtime.bigint() - from < BigInt(moment * moment * 100_000));
          kill();
          await done;
          expect((await rig.next()).type).to.be.oneOf(['killed', 'revived']);
          await rig.dispose();
        }
      });
    }
  }

  it('ends as before when there is no snapshot, and when we kill it', async () => {
    await launch('counter', ['1000']);
    await rig.breakAt('_Z3addii');
    await rig.continueToBreakpoint();
    process.kill(rig.pid, 'SIGKILL');
    expect(await rig.next()).to.deep.include({ type: 'killed', signal: 9 });
    await rig.dispose();
    await launch('counter', ['1000']);
    await rig.breakAt('_Z3addii');
    await rig.continueToBreakpoint();
    await capture();
    await rig.core.kill();
    expect(await rig.next()).to.deep.include({ type: 'killed', signal: 9 });
  });
});
