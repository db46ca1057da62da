// What the snapshot manager asks the user before a restore that would not bring everything back.
import { expect } from 'chai';
import type { SnapshotId } from '../../adapter/protocol';
import { messageOf, setUp } from '../support/managerRig';

describe('snapshot manager: consent', () => {
  it('says before a restore what it would not bring back, and asks afresh about what may have passed', async () => {
    const { core, stopAt, manager } = setUp();
    await stopAt('breakpoint');
    expect(await manager.consent.check(1)).to.deep.equal({ exact: true, warnings: [] });
    const ring = { kind: 'ioUring', message: 'io_uring is active.' };
    core.notHeld = [ring, { kind: 'connection', message: 'The connection stays as it is.' }];
    await stopAt('breakpoint');
    expect(await manager.consent.check(2)).to.deep.equal({ exact: false, warnings: [ring] });
    const passed = { kind: 'connection', message: '12 bytes went to a peer.' };
    core.lost = [passed];
    expect(await manager.consent.check(2)).to.deep.equal({ exact: false, warnings: [ring, passed] });
    core.lost = [{ kind: 'refused', message: 'It would be refused.' }];
    expect(await manager.consent.check(2)).to.deep.equal({ exact: false, warnings: core.lost });
    expect(await messageOf(manager.consent.check(3))).to.equal('There is no snapshot 3.');
    manager.onResume();
    expect(await messageOf(manager.consent.check(1))).to.match(/is running/);
  });

  it('asks before it goes back by itself, where that would lose something, and holds up nothing meanwhile', async () => {
    const asked: SnapshotId[] = [];
    let answer = (_wanted: boolean): void => undefined;
    const { core, stopAt, manager, restored, ids } = setUp({}, (id) => {
      asked.push(id);
      return new Promise((resolve) => (answer = resolve));
    });
    for (let i = 0; i < 3; i++) {
      await stopAt('breakpoint');
    }
    expect(await manager.stepBack()).to.equal(2);
    expect([asked, restored]).to.deep.equal([[], [2]]);
    core.lost = [{ kind: 'connection', message: '12 bytes went to a peer.' }];
    const refused = messageOf(manager.stepBack());
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).to.deep.equal([1]);
    await manager.take();
    expect(ids()).to.deep.equal([1, 2, 3, 4]);
    answer(false);
    expect(await refused).to.equal('The restore of snapshot 1 was cancelled.');
    const late = messageOf(manager.reverseContinue());
    await new Promise((resolve) => setImmediate(resolve));
    manager.onResume();
    answer(true);
    expect(await late).to.match(/is running/);
    await manager.onStop({ kind: 'breakpoint', restoring: false });
    await manager.restore(3);
    core.lost = [{ kind: 'refused', message: 'It would be refused.' }];
    expect(await messageOf(manager.stepBack())).to.equal('It would be refused.');
    expect([asked.length, restored]).to.deep.equal([2, [2, 3]]);
  });
});
