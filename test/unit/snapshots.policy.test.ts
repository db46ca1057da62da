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
  it('gives up the oldest evictable one, never one that is needed', () => {
    const retention = new Retention(100);
    retention.release(1, 0);
    retention.release(2, 60);
    retention.release(3, 50);
    expect(retention.oldest([])).to.equal(1);
    expect(retention.oldest([1, null])).to.equal(2);
    expect(retention.oldest([1, 2, 3])).to.equal(undefined);
    retention.keep(1);
    expect(retention.oldest([])).to.equal(2);
    expect(retention.evictableBytes).to.equal(110);
  });

  it('counts one that was pinned until now as new', () => {
    const retention = new Retention(100);
    retention.release(2, 1);
    retention.release(1, 1);
    expect(retention.oldest([])).to.equal(2);
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
