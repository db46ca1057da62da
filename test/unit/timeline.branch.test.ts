// Where "Previous snapshot" and "Next snapshot" lead.
import { expect } from 'chai';
import type { Moment, SnapshotInfo, SnapshotList } from '../../adapter/protocol';
import { earlierMoments, nextMoment, previousMoment } from '../../extension/timeline/branch';

/** 1 ─ 2 ─ 3 ─ 4, and from 2 a branch 5 ─ 6. */
function shown(current: number, moved: boolean, peeking: Moment = null): { list: SnapshotList; moved: boolean } {
  const parents = [null, 1, 2, 3, 2, 5];
  const snapshots = parents.map((parent, index) => ({ id: index + 1, parent }) as SnapshotInfo);
  return { list: { snapshots, current, peeking }, moved };
}

describe('previous and next snapshot', () => {
  it('goes back from the present to the current one, and on to its parents', () => {
    expect(previousMoment(shown(6, true))).to.equal(6);
    expect(previousMoment(shown(6, false))).to.equal(5);
    expect(previousMoment(shown(6, true, 5))).to.equal(2);
    expect(previousMoment(shown(6, true, 1))).to.equal(undefined);
  });

  it('goes forward on the way to the present, and ends there', () => {
    expect(nextMoment(shown(6, true, 1))).to.equal(2);
    expect(nextMoment(shown(6, true, 2))).to.equal(5);
    expect(nextMoment(shown(4, true, 2))).to.equal(3);
    expect(nextMoment(shown(6, true, 6))).to.equal(null);
    expect(nextMoment(shown(6, true))).to.equal(undefined);
  });

  it('goes beyond the present where the program went before', () => {
    expect(nextMoment(shown(3, false))).to.equal(4);
    expect(nextMoment(shown(2, false))).to.equal(5);
    expect(nextMoment(shown(6, false))).to.equal(undefined);
  });

  it('goes nowhere without snapshots', () => {
    const none = { list: { snapshots: [], current: null, peeking: null }, moved: true };
    expect([previousMoment(none), nextMoment(none)]).to.deep.equal([undefined, undefined]);
  });

  it('knows what comes before on the branch', () => {
    expect(earlierMoments(shown(6, false).list, 6)).to.deep.equal([5, 2, 1]);
    expect(earlierMoments(shown(6, false).list, 1)).to.deep.equal([]);
  });

  it('does not stumble over a parent that is gone', () => {
    const snapshots = [{ id: 3, parent: 2 } as SnapshotInfo];
    expect(previousMoment({ list: { snapshots, current: 3, peeking: null }, moved: false })).to.equal(undefined);
  });
});
