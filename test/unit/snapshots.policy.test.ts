// The pure parts of the snapshot policy: sizes, when to take, what may be evicted, the tree.
import { expect } from 'chai';
import type { SnapshotInfo, SnapshotReason } from '../../adapter/protocol';
import { Retention } from '../../adapter/snapshots/retention';
import { formatSize, parseSize } from '../../adapter/snapshots/size';
import { describe as describeSnapshot, SnapshotTree } from '../../adapter/snapshots/snapshot';
import { reasonOf, shouldTake } from '../../adapter/snapshots/trigger';

function snapshot(id: number, parent: number | null, reason: SnapshotReason = 'breakpoint'): SnapshotInfo {
  return {
    id,
    parent,
    label: null,
    reason,
    createdAt: 0,
    threadId: 1,
    location: { name: 'main', path: '/src/counter.cpp', line: 12 },
    bytes: 10,
    pages: 1,
    pauseMicros: 5,
    pinned: false,
    exact: true,
    warnings: [],
  };
}

describe('sizes', () => {
  it('reads what people write', () => {
    expect(parseSize('1GiB')).to.equal(2 ** 30);
    expect(parseSize('512MiB')).to.equal(512 * 2 ** 20);
    expect(parseSize(' 1.5 GB ')).to.equal(1_500_000_000);
    expect(parseSize('64k')).to.equal(65536);
    expect(parseSize('4096')).to.equal(4096);
  });

  it('refuses what is no size', () => {
    for (const text of ['', 'GiB', '-1MiB', '0', '1 parsec', '1MiB2', '99999999TiB', 'constructor', '1constructor']) {
      expect(parseSize(text), text).to.equal(null);
    }
  });

  it('writes them short', () => {
    expect([0, 1023, 1024, 1536, 12 * 1024, 2 ** 30, 1.5 * 2 ** 40].map(formatSize)).to.deep.equal([
      '0 B',
      '1023 B',
      '1 KiB',
      '1.5 KiB',
      '12 KiB',
      '1 GiB',
      '1.5 TiB',
    ]);
  });
});

describe('trigger', () => {
  const stop = (kind: string, restoring = false) => ({ kind, restoring });

  it('takes at breakpoints, exceptions and the end by default', () => {
    for (const kind of ['breakpoint', 'function breakpoint', 'data breakpoint', 'exception', 'exit']) {
      expect(shouldTake(stop(kind), 'breakpoints'), kind).to.equal(true);
    }
    for (const kind of ['step', 'pause', 'entry']) {
      expect(shouldTake(stop(kind), 'breakpoints'), kind).to.equal(false);
    }
  });

  it('takes at every stop when told to, and never when off', () => {
    for (const kind of ['step', 'pause', 'entry', 'breakpoint', 'exit']) {
      expect(shouldTake(stop(kind), 'everyStop'), kind).to.equal(true);
      expect(shouldTake(stop(kind), 'off'), kind).to.equal(false);
    }
  });

  it('never takes at the stop that a restore makes', () => {
    expect(shouldTake(stop('goto', true), 'everyStop')).to.equal(false);
    expect(shouldTake(stop('breakpoint', true), 'everyStop')).to.equal(false);
  });

  it('names the reason', () => {
    expect(reasonOf(stop('function breakpoint'))).to.equal('breakpoint');
    expect(reasonOf(stop('exception'))).to.equal('exception');
    expect(reasonOf(stop('step'))).to.equal('step');
    expect(reasonOf(stop('entry'))).to.equal('entry');
    expect(reasonOf(stop('exit'))).to.equal('exit');
    expect(reasonOf(stop('anything else'))).to.equal('pause');
  });
});

describe('retention', () => {
  const line = (...ids: number[]) => ids.map((id, index) => ({ id, parent: ids[index - 1] ?? null, pinned: false }));
  const released = (...ids: number[]): Retention => {
    const retention = new Retention(100);
    for (const id of ids) retention.release(id, 1);
    return retention;
  };

  it('never gives up one that is needed or that stays', () => {
    const retention = released(1, 2, 3);
    expect(retention.next(line(1, 2, 3), [3])).to.equal(2);
    expect(retention.next(line(1, 2, 3), [2, 3, null])).to.equal(1);
    expect(retention.next(line(1, 2, 3), [1, 2, 3])).to.equal(undefined);
    retention.keep(2);
    expect(retention.next(line(1, 2, 3), [3])).to.equal(1);
  });

  it('thins out: dense near the present, spread over the past, the beginning last', () => {
    const retention = new Retention(100);
    let kept: number[] = [];
    for (let id = 1; id <= 1000; id++) {
      kept.push(id);
      retention.release(id, 1);
      if (kept.length > 20) {
        const gone = retention.next(line(...kept), [id]);
        kept = kept.filter((other) => other !== gone);
      }
    }
    expect(kept).to.have.length(20);
    expect(kept[0]).to.equal(1);
    expect(kept.at(-1)).to.equal(1000);
    // No stretch of the past is lost: each gap is in proportion to its age.
    kept.slice(1).forEach((id, index) => {
      const gap = id - (kept[index] as number);
      expect(gap, `before ${id} of ${kept.join(' ')}`).to.be.at.most(Math.max(3, (1000 - (kept[index] as number)) * 0.75));
    });
    expect(kept.filter((id) => id > 500).length).to.be.greaterThan(5);
    expect(kept.filter((id) => id <= 500).length).to.be.greaterThan(1);
  });

  it('keeps the way to a pinned one as long as there are others', () => {
    // 1 ─ 2 ─ 3 (pinned), and from 1 a branch 4 ─ 5 ─ 6
    const tree = [
      { id: 1, parent: null, pinned: false },
      { id: 2, parent: 1, pinned: false },
      { id: 3, parent: 2, pinned: true },
      { id: 4, parent: 1, pinned: false },
      { id: 5, parent: 4, pinned: false },
      { id: 6, parent: 5, pinned: false },
    ];
    const retention = released(1, 2, 4, 5, 6);
    const order: number[] = [];
    let left = tree;
    for (;;) {
      const id = retention.next(left, [6]);
      if (id === undefined) break;
      order.push(id);
      const { parent } = left.find((snapshot) => snapshot.id === id)!;
      left = left.filter((snapshot) => snapshot.id !== id).map((snapshot) => (snapshot.parent === id ? { ...snapshot, parent } : snapshot));
      retention.keep(id);
    }
    expect(order.slice(0, 2)).to.have.members([4, 5]);
    expect(order.slice(2)).to.deep.equal([2, 1]);
  });

  it('decides among thousands', () => {
    const ids = Array.from({ length: 5000 }, (_, index) => index + 1);
    expect(released(...ids).next(line(...ids), [5000])).to.be.a('number');
  });
});

describe('the tree of snapshots', () => {
  function branches(): SnapshotTree {
    // 1 ─ 2 ─ 3
    //      └─ 4 (manual) ─ 5
    const tree = new SnapshotTree();
    tree.add(snapshot(1, null));
    tree.add(snapshot(2, 1));
    tree.add(snapshot(3, 2));
    tree.arriveAt(2);
    tree.add(snapshot(4, 2, 'manual'));
    tree.add(snapshot(5, 4, 'step'));
    return tree;
  }

  it('steps back to the current one when the process has moved, else to its parent', () => {
    const tree = branches();
    expect(tree.previous()?.id).to.equal(4);
    tree.moveOn();
    expect(tree.previous()?.id).to.equal(5);
    expect(tree.previous('breakpoint')?.id).to.equal(2);
    tree.arriveAt(1);
    expect(tree.previous()).to.equal(undefined);
    expect(tree.previous('breakpoint')).to.equal(undefined);
  });

  it('hangs children of a removed one under its parent', () => {
    const tree = branches();
    tree.remove(2);
    expect(tree.list().snapshots.map(({ id, parent }) => [id, parent])).to.deep.equal([
      [1, null],
      [3, 1],
      [4, 1],
      [5, 4],
    ]);
    tree.remove(1);
    expect(tree.get(3)?.parent).to.equal(null);
  });

  it('leaves the process on the parent when the current one is removed', () => {
    const tree = branches();
    expect(tree.hasMoved).to.equal(false);
    tree.remove(5);
    expect(tree.current).to.equal(4);
    expect(tree.hasMoved).to.equal(true);
    expect(tree.previous()?.id).to.equal(4);
  });

  it('gives out copies', () => {
    const tree = branches();
    tree.list().snapshots[0]!.label = 'changed';
    expect(tree.get(1)?.label).to.equal(null);
  });

  it('names snapshots in messages', () => {
    expect(describeSnapshot(snapshot(3, null))).to.equal('Snapshot 3 (main, counter.cpp:12)');
    expect(describeSnapshot({ ...snapshot(3, null), label: 'before the loop' })).to.equal('Snapshot 3 (before the loop)');
    expect(describeSnapshot({ ...snapshot(3, null), location: { name: 'read' } })).to.equal('Snapshot 3 (read)');
    expect(describeSnapshot({ ...snapshot(3, null), location: null })).to.equal('Snapshot 3');
  });
});
