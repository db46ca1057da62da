// What a process gives up for good: told, or refused before anything is changed.
import { expect } from 'chai';
import { Rig } from '../../support/native';
import { describeKind } from '../../support/stateKinds';

const program = 'oneway';

describeKind({
  kind: 'Privileges given up (no_new_privs)',
  program,
  args: ['privileges'],
  expected: 'told',
  warnings: /given up gaining privileges/,
  note: 'The kernel has no way back.',
});

describe('what must not be rolled back', () => {
  let rig: Rig | undefined;
  afterEach(async () => {
    await rig?.dispose();
    rig = undefined;
  });

  const refused = async (argument: string, reason: RegExp) => {
    rig = await Rig.launch(program, [argument]);
    await rig.breakAt('at_armed', 'at_changed', 'at_checked');
    await rig.continueToBreakpoint();
    const { id } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    await rig.continueToBreakpoint();
    const failure = async (work: Promise<unknown>) => work.then(() => new Error('no error'), (error: Error) => error);
    const foreseen = await rig.core.checkRollback(id);
    expect(foreseen.map(({ kind }) => kind)).to.deep.equal(['refused']);
    expect(foreseen[0]!.message).to.match(reason);
    const error = (await failure(rig.core.rollback(id))) as Error & { trusted?: boolean };
    expect(error.message).to.match(reason);
    expect(error.trusted).to.equal(true);
    return { rig, failure };
  };
  const toTheEnd = async (running: Rig, again = true) => {
    if (again) {
      await running.continueToBreakpoint();
    }
    await running.clearBreakpoints();
    let event = await running.continue();
    while (event.type === 'stopped') event = await running.continue();
    expect(event).to.deep.include({ type: 'exited', code: 0 });
    expect(await running.allOutput()).to.match(/PASS/);
  };

  it('is refused after a seccomp filter was installed, and for an ordinary user so is a snapshot; the program goes on', async () => {
    const { rig, failure } = await refused('filter', /seccomp filter/);
    const capture = rig.core.capture({ tid: rig.pid, files: 'rewind' });
    if (process.getuid!() === 0) {
      await rig.core.rollback((await capture).id);
    } else {
      expect((await failure(capture)).message).to.match(/runs under a seccomp filter, which could kill it/);
    }
    await toTheEnd(rig);
  });

  it('lets go of a program that has installed a seccomp filter since the snapshot', async () => {
    const { rig } = await refused('filter', /seccomp filter/);
    await rig.core.detach();
    await rig.outputMatching(/PASS/);
  });

  it('is undone where memory has been sealed since (mseal), and says so; the program goes on', async () => {
    rig = await Rig.launch(program, ['sealed']);
    await rig.breakAt('at_armed', 'at_changed', 'at_checked');
    await rig.continueToBreakpoint();
    const { id } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    await rig.continueToBreakpoint();
    const { id: present } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    const error = (await rig.core.rollback(id).then(() => new Error('no error'), (reason: Error) => reason)) as Error & { trusted?: boolean };
    expect(error.message).to.match(/has sealed the memory at .* since \(mseal\).*The program is where it was before/);
    expect(error.trusted).to.equal(true);
    expect(await rig.core.verify(present)).to.deep.equal([]);
    await toTheEnd(rig);
  });

  it('is told of a program that forbids to look into it, unless there is the privilege, and works again when it allows it', async () => {
    rig = await Rig.launch(program, ['unreadable']);
    await rig.breakAt('at_armed', 'at_changed', 'at_checked');
    await rig.continueToBreakpoint();
    const { id } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    await rig.continueToBreakpoint();
    if (process.getuid!() === 0) {
      await rig.core.rollback(id);
      expect(await rig.core.verify(id)).to.deep.equal([]);
      await rig.continueToBreakpoint();
      const { id: there } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      await rig.core.rollback(id);
      await rig.core.rollback(there);
    } else {
      for (const work of [() => rig!.core.capture({ tid: rig!.pid, files: 'rewind' }), () => rig!.core.rollback(id)]) {
        const error = await work().then(() => new Error('no error'), (reason: Error) => reason);
        expect(error.message).to.match(/forbids others to look into it \(PR_SET_DUMPABLE\)/);
      }
    }
    await rig.continueToBreakpoint();
    await rig.core.rollback((await rig.core.capture({ tid: rig.pid, files: 'rewind' })).id);
    await toTheEnd(rig, false);
  });

  if (process.getuid!() === 0) {
    it('is refused after the program has become another user', async () => {
      const { rig } = await refused('user', /given up its user or group/);
      await toTheEnd(rig);
    });
  }
});

if (process.getuid!() === 0) {
  describeKind({ kind: 'A program under a seccomp filter', program: 'filtered', expected: 'restored', rootOnly: true, note: 'Only a privileged user can take snapshots of it.' });
  describeKind({ kind: 'Effective user of a privileged program', program, args: ['effective'], expected: 'restored', threads: false, rootOnly: true });
}
