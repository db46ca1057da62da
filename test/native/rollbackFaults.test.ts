// Rollbacks that fail half-way, at each of their steps: the program is where it was before, or it is said that it is not, and
// any snapshot can be restored from there.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { NativeError } from '../../adapter/core/native';
import { Rig } from '../support/native';

/** As native/src/snapshot/rollback.cc names them. */
const steps = ['threads', 'files', 'layout', 'state', 'threadState', 'memory', 'registers', 'check'];

describe('a rollback that fails half-way', () => {
  let rig: Rig;
  let armed: number;
  let changed: number;
  let folder: string; // the programs make files where they run
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rollpoint-faults-'));
  });
  afterEach(async () => {
    delete process.env.ROLLPOINT_FAULT;
    await rig.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  const capture = async () => (await rig.core.capture({ tid: rig.pid, files: 'rewind' })).id;
  const to = async (symbol: string) => {
    const { tid } = await rig.continueToBreakpoint();
    expect(await rig.register(tid, 'rip'), await rig.outputSoFar()).to.equal(rig.address(symbol));
  };
  const failure = async (fault: string, id: number): Promise<NativeError> => {
    process.env.ROLLPOINT_FAULT = fault;
    const error = await rig.core.rollback(id).then(
      () => new Error('The rollback succeeded.'),
      (reason: NativeError) => reason,
    );
    delete process.env.ROLLPOINT_FAULT;
    return error as NativeError;
  };
  const start = async (program: string, ...args: string[]) => {
    // Children that come back must have their numbers again, by which the program waits for them.
    rig = await Rig.launch(program, args, { cwd: folder, launch: { pidNamespace: program === 'children' && process.getuid!() !== 0 } });
    await rig.breakAt('at_armed', 'at_changed', 'at_checked');
    await to('at_armed');
    armed = await capture();
    await to('at_changed');
    changed = await capture();
  };
  const toTheEnd = async () => {
    await rig.clearBreakpoints();
    expect(await rig.continue()).to.deep.include({ type: 'exited', code: 0 });
    expect(await rig.allOutput()).to.match(/PASS/);
  };

  for (const program of ['mappings', 'threads', 'descriptors', 'files']) {
    it(`goes back to where it was: ${program}`, async function () {
      this.timeout(120_000);
      await start(program, '--threads');
      for (const step of steps) {
        const error = await failure(step, armed);
        expect(error.message, step).to.match(/The rollback to snapshot 1 failed .*The program is where it was before\.$/);
        expect(error.trusted, step).to.equal(true);
        expect(await rig.core.verify(changed), step).to.deep.equal([]);
        await to('at_checked');
        await rig.core.rollback(changed);
      }
      await rig.core.rollback(armed);
      await to('at_changed');
      await to('at_checked');
      await toTheEnd();
    });
  }

  it('says so where there is no way back, takes no snapshot of it, and restores any that there is', async function () {
    this.timeout(120_000);
    await start('mappings', '--threads');
    for (const step of steps) {
      for (const [fault, moved] of [[`${step}!`, false], [step, true]] as const) {
        if (moved) {
          await to('at_checked');
        }
        const error = await failure(fault, armed);
        expect(error.message, fault).to.match(/can no longer be trusted: restore another snapshot, or end the session\.$/);
        expect(error.trusted, fault).to.equal(false);
        const refused = await rig.core.capture({ tid: rig.pid, files: 'rewind' }).catch((reason: NativeError) => reason.message);
        expect(refused).to.match(/in no state worth a snapshot/);
        await rig.core.rollback(changed);
        expect(await rig.core.verify(changed), fault).to.deep.equal([]);
      }
    }
    await rig.core.rollback(armed);
    expect(await rig.core.verify(armed)).to.deep.equal([]);
    await to('at_changed');
    await capture();
    await to('at_checked');
    await toTheEnd();
  });

  it('goes back as a whole where a child fails, or says that it could not', async function () {
    this.timeout(240_000);
    await start('children', '--lasting');
    // Children go first: each fault is in one of them.
    for (const step of steps) {
      const error = await failure(step, armed);
      expect(error.message, step).to.match(/^The rollback to snapshot 1 failed \(Child process \d+ \(children\): a fault was asked for at "\w+"\)\. The program is where it was before\.$/);
      expect(error.trusted, step).to.equal(true);
      expect(await rig.core.verify(changed), step).to.deep.equal([]);
      for (const [fault, moved] of [[`${step}!`, false], [step, true]] as const) {
        if (moved) await to('at_checked');
        const untrusted = await failure(fault, armed);
        expect(untrusted.message, fault).to.match(/\(Child process \d+ \(children\): a fault .* can no longer be trusted: restore another snapshot, or end the session\.$/);
        expect(untrusted.trusted, fault).to.equal(false);
        const refused = await rig.core.capture({ tid: rig.pid, files: 'rewind' }).catch((reason: NativeError) => reason.message);
        expect(refused).to.match(/in no state worth a snapshot/);
        await rig.core.rollback(changed);
        expect(await rig.core.verify(changed), fault).to.deep.equal([]);
      }
    }
    await rig.core.rollback(armed);
    expect(await rig.core.verify(armed)).to.deep.equal([]);
    await to('at_changed');
    await to('at_checked');
    await toTheEnd();
  });

  it('takes its children with it', async function () {
    this.timeout(120_000);
    await start('children');
    await rig.core.rollback(armed);
    const children = readFileSync(`/proc/${rig.pid}/task/${rig.pid}/children`, 'utf8').trim().split(' ');
    const live = children.filter((pid) => !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
    expect(live).to.have.length.greaterThan(2);
    await rig.core.rollback(changed);
    // They go first.
    const error = await failure(`memory:${live.length + 1}`, armed);
    expect(error.message).to.match(/The program is where it was before\.$/);
    expect(error.trusted).to.equal(true);
    expect(await rig.core.verify(changed)).to.deep.equal([]);
    await to('at_checked');
    await rig.core.rollback(armed);
    await to('at_changed');
    await to('at_checked');
    await toTheEnd();
  });
});
