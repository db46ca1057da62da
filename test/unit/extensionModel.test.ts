// The timeline as a tree, its texts, the run state: the pure parts of the extension.
import { expect } from 'chai';
import type { SnapshotInfo } from '../../adapter/protocol';
import { stoppedAfter } from '../../extension/runState';
import { buildTree, findNode, flatten, type SnapshotNode, totalBytes } from '../../extension/snapshotModel';
import { descriptionOf, detailsOf, formatBytes, formatMicros, labelOf } from '../../extension/snapshotText';

function snapshot(id: number, parent: number | null, more: Partial<SnapshotInfo> = {}): SnapshotInfo {
  return {
    id,
    parent,
    label: null,
    reason: 'breakpoint',
    createdAt: new Date(2024, 0, 2, 3, 4, 5, 67).getTime(),
    threadId: 1,
    location: { name: 'Warehouse::carry_out', path: '/src/warehouse.cpp', line: 30 },
    bytes: 8192,
    pages: 2,
    pauseMicros: 740,
    pinned: false,
    exact: true,
    warnings: [],
    ...more,
  };
}

/** The tree as text: two spaces per level, `*` for the current one, `<` for the head of a branch. */
function drawing(parents: (number | null)[], current: number | null = null): string[] {
  const draw = (nodes: SnapshotNode[], level: number): string[] =>
    nodes.flatMap((node) => [
      `${'  '.repeat(level)}${node.snapshot.id}${node.branch ? '<' : ''}${node.current ? '*' : ''}`,
      ...draw(node.children, level + 1),
    ]);
  return draw(buildTree({ snapshots: parents.map((parent, index) => snapshot(index + 1, parent)), current, peeking: null }), 0);
}

describe('the tree of snapshots', () => {
  it('is empty without snapshots', () => {
    expect(buildTree({ snapshots: [], current: null, peeking: null })).to.deep.equal([]);
  });

  it('keeps a straight line flat', () => {
    expect(drawing([null, 1, 2, 3], 4)).to.deep.equal(['1', '2', '3', '4*']);
  });

  it('shows a branch under the snapshot that it leaves from', () => {
    // 4 is the snapshot of the present that a restore of 2 took; 5 and 6 came after it.
    expect(drawing([null, 1, 2, 3, 2, 5], 6)).to.deep.equal(['1', '2', '  5<', '  6*', '3', '4']);
  });

  it('keeps several branches of one snapshot apart', () => {
    expect(drawing([null, 1, 2, 1, 4, 1, 6])).to.deep.equal(['1', '  4<', '    5', '  6<', '    7', '2', '3']);
  });

  it('shows branches of a branch', () => {
    expect(drawing([null, 1, 1, 3, 3, 5])).to.deep.equal(['1', '  3<', '    5<', '    6', '  4', '2']);
  });

  it('keeps a branch of the head of one of several branches apart from its line', () => {
    // From 1 leave 3-4 and 5; from 3 leaves 6-7.
    expect(drawing([null, 1, 1, 3, 1, 3, 6])).to.deep.equal([
      '1',
      '  3<',
      '    4',
      '    6<',
      '      7',
      '  5<',
      '2',
    ]);
  });

  it('starts anew where a parent is gone', () => {
    const snapshots = [snapshot(3, 2), snapshot(4, 3)];
    expect(buildTree({ snapshots, current: 4, peeking: null }).map((node) => node.snapshot.id)).to.deep.equal([3, 4]);
  });

  it('does not depend on the order of the list', () => {
    const snapshots = [snapshot(3, 1), snapshot(2, 1), snapshot(1, null)];
    const [first, second] = buildTree({ snapshots, current: null, peeking: null });
    expect(first?.children.map((node) => node.snapshot.id)).to.deep.equal([3]);
    expect(second?.snapshot.id).to.equal(2);
  });

  it('knows under which node each one is shown', () => {
    const tree = buildTree({ snapshots: [1, 2, 3, 4].map((id) => snapshot(id, id === 1 ? null : 1)), current: null, peeking: null });
    expect(findNode(tree, 3)?.container?.snapshot.id).to.equal(1);
    expect(findNode(tree, 2)?.container).to.equal(null);
    expect(flatten(tree).map((node) => node.snapshot.id)).to.have.members([1, 2, 3, 4]);
    expect(findNode(tree, 9)).to.equal(undefined);
  });

  it('shows thousands in one line', () => {
    const snapshots = Array.from({ length: 5000 }, (_, index) => snapshot(index + 1, index || null));
    expect(buildTree({ snapshots, current: 5000, peeking: null })).to.have.length(5000);
    expect(totalBytes({ snapshots, current: null, peeking: null })).to.equal(5000 * 8192);
  });
});

describe('the text of a snapshot', () => {
  const node = (more: Partial<SnapshotInfo>, current = false): SnapshotNode => ({
    snapshot: snapshot(7, 6, more),
    current,
    branch: false,
    container: null,
    children: [],
  });

  it('names the place when there is no label', () => {
    expect(labelOf(snapshot(7, 6))).to.equal('Warehouse::carry_out  warehouse.cpp:30');
    expect(labelOf(snapshot(7, 6, { label: 'before the audit' }))).to.equal('before the audit');
    expect(labelOf(snapshot(7, 6, { location: { name: '_start' } }))).to.equal('_start');
    expect(labelOf(snapshot(7, 6, { location: null }))).to.equal('Snapshot 7');
  });

  it('describes it by number, reason, time, size and pause', () => {
    expect(descriptionOf(node({}))).to.equal('#7 · breakpoint · 03:04:05 · 8.0 KiB · 740 µs');
    expect(descriptionOf(node({ label: 'x', reason: 'manual' }, true))).to.equal(
      'current · #7 · warehouse.cpp:30 · by hand · 03:04:05 · 8.0 KiB · 740 µs',
    );
  });

  it('names a crash and the end of the program', () => {
    expect(descriptionOf(node({ reason: 'exception' }))).to.match(/^#7 · exception · /);
    expect(descriptionOf(node({ reason: 'exit', location: { name: '_exit' } }, true))).to.match(/^current · #7 · at exit · /);
  });

  it('has all details', () => {
    expect(Object.fromEntries(detailsOf(node({ pinned: true })))).to.deep.equal({
      Place: 'Warehouse::carry_out  warehouse.cpp:30',
      Source: '/src/warehouse.cpp',
      Taken: '03:04:05.067, breakpoint',
      Thread: '1',
      Adds: '8.0 KiB (2 pages)',
      Pause: '740 µs',
      'Ran on from': 'snapshot 6',
      Kept: 'pinned: stays until you delete it',
    });
  });

  it('writes sizes and times so that they can be read', () => {
    expect([0, 1023, 1024, 10 * 1024, 1.5 * 1024 ** 2, 3 * 1024 ** 3].map(formatBytes)).to.deep.equal([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '10 KiB',
      '1.5 MiB',
      '3.0 GiB',
    ]);
    expect([0, 999, 1500, 25_000, 2_500_000].map(formatMicros)).to.deep.equal([
      '0 µs',
      '999 µs',
      '1.5 ms',
      '25 ms',
      '2.5 s',
    ]);
  });
});

describe('whether the program is stopped', () => {
  const after = (stopped: boolean, ...messages: Parameters<typeof stoppedAfter>[1][]): boolean =>
    messages.reduce(stoppedAfter, stopped);

  it('follows the events', () => {
    expect(after(false, { type: 'event', event: 'stopped' })).to.equal(true);
    expect(after(true, { type: 'event', event: 'continued' })).to.equal(false);
    expect(after(true, { type: 'event', event: 'terminated' })).to.equal(false);
    expect(after(true, { type: 'event', event: 'output' })).to.equal(true);
  });

  it('runs from the request to resume, unless that fails', () => {
    expect(after(true, { type: 'request', command: 'next' })).to.equal(false);
    expect(
      after(true, { type: 'request', command: 'next' }, { type: 'response', command: 'next', success: false }),
    ).to.equal(true);
    expect(after(true, { type: 'request', command: 'stackTrace' })).to.equal(true);
  });

  it('is not confused by a response that comes after the stop', () => {
    expect(
      after(
        true,
        { type: 'request', command: 'stepIn' },
        { type: 'event', event: 'stopped' },
        { type: 'response', command: 'stepIn', success: true },
      ),
    ).to.equal(true);
  });
});
