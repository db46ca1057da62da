// In a pid namespace of its own a program gets threads back whose end could not be caught; and all else as without.
import { expect } from 'chai';
import { Rig } from '../../support/native';
import { describeKind } from '../../support/stateKinds';

const launch = { pidNamespace: true };

describeKind({
  kind: 'Threads that ended by a system call of the program\'s own',
  program: 'vanish',
  expected: 'restored',
  launch,
  note: 'An ordinary user needs `"pidNamespace": true`.',
});

describe('pid namespace', () => {
  let rig: Rig;
  afterEach(() => rig?.dispose());

  for (const kind of ['signals', 'timers', 'process', 'threads']) {
    it(`${kind} come back in it as without`, async () => {
      rig = await Rig.launch('attributes', [kind], { launch });
      await rig.breakAt('at_armed', 'at_changed', 'at_checked');
      await rig.continueToBreakpoint();
      const { id, exact } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      expect(exact).to.equal(true);
      for (let turn = 0; turn < 5; ++turn) {
        await rig.continueToBreakpoint();
        await rig.core.rollback(id);
        expect(await rig.core.verify(id)).to.deep.equal([]);
      }
      await rig.continueToBreakpoint();
      await rig.clearBreakpoints();
      expect(await rig.continue(), await rig.allOutput()).to.deep.include({ type: 'exited', code: 0 });
    });
  }

  it('its first process reaps what is orphaned, and the program gets its exit code', async () => {
    rig = await Rig.launch('/bin/sh', ['-c', '(sh -c "exit 3" &) ; sleep 0.1; ps -eo stat= | grep -c Z; sh -c "exit 3"; exit $(($? + 4))'], { launch });
    expect(await rig.continue()).to.deep.include({ type: 'exited', code: 7 });
    expect(await rig.allOutput()).to.equal('0\n');
  });
});
