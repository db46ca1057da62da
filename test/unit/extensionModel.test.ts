// The timeline as rows, its texts, the run state: the pure parts of the extension.
import { expect } from 'chai';
import type { SnapshotInfo, SnapshotList } from '../../adapter/protocol';
import { movedAfter, movedAfterList, questionAfter, stoppedAfter, wentBack } from '../../extension/runState';
import {
  descriptionOf,
  detailsOf,
  formatBytes,
  formatMicros,
  labelOf,
  type Shown,
  totalBytes,
} from '../../extension/snapshotText';
import { statusOf } from '../../extension/statusText';
import { commonRows, rowDetails, type TimelineRow, timelineRows } from '../../extension/timeline/rows';

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

function list(parents: (number | null)[], current: number | null): SnapshotList {
  return { snapshots: parents.map((parent, index) => snapshot(index + 1, parent)), current, peeking: null };
}

describe('the rows of the timeline', () => {
  const rows = (parents: (number | null)[], current: number | null, moved = false, stopped = true): TimelineRow[] =>
    timelineRows({ list: list(parents, current), moved, stopped });
  const drawing = (shown: TimelineRow[]): string[] =>
    shown.map(({ id, current, graph }) => `${'  '.repeat(graph.lane)}${id || 'now'}${current ? '*' : ''}`);

  it('has none without snapshots', () => {
    expect(rows([], null)).to.deep.equal([]);
    expect(rows([], null, true)).to.deep.equal([]);
  });

  it('comes in the order of time, branches in lanes', () => {
    // 4 is the snapshot of the present that a restore of 2 took; 5 and 6 came after it.
    expect(drawing(rows([null, 1, 2, 3, 2, 5], 6))).to.deep.equal(['1', '2', '3', '4', '  5', '  6*']);
    const snapshots = [snapshot(3, 1), snapshot(2, 1), snapshot(1, null)];
    const shown = timelineRows({ list: { snapshots, current: 3, peeking: null }, moved: false, stopped: true });
    expect(drawing(shown)).to.deep.equal(['1', '2', '  3*']);
  });

  it('shows the present where the program has run on', () => {
    expect(drawing(rows([null, 1], 2, true))).to.deep.equal(['1', '2*', 'now']);
    expect(drawing(rows([null, 1, 2], 2, true))).to.deep.equal(['1', '2*', '3', '  now']);
    expect(rows([null], 1, true).at(-1)?.description).to.equal('Stopped; has run or was changed since snapshot 1');
    expect(rows([null], 1, true, false).at(-1)?.description).to.equal('Running since snapshot 1');
    expect(rows([null], null, false, false).at(-1)?.description).to.equal('Running');
  });

  it('says all to a screen reader', () => {
    const [, second] = timelineRows({
      list: {
        snapshots: [
          snapshot(1, null),
          snapshot(2, 1, { label: 'before', pinned: true, exact: false, warnings: [{ kind: 'x', message: 'A pipe.' }] }),
        ],
        current: 2,
        peeking: null,
      },
      moved: false,
      stopped: true,
    });
    expect(second?.spoken).to.equal(
      'Current snapshot 2, before, warehouse.cpp:30, breakpoint, pinned, 03:04:05, adds 8.0 KiB, 1 warning: A pipe.',
    );
    expect(second).to.include({ kind: 'breakpoint', current: true, named: true, pinned: true, bytes: 8192 });
    expect(rows([null, 1, 1], 1)[2]?.spoken).to.include('branch from snapshot 1');
  });

  it('tells which rows need not be sent again', () => {
    const before = rows([null, 1, 2], 3);
    expect(commonRows(before, rows([null, 1, 2], 3))).to.equal(3);
    // The third is no longer the current one, and a line leaves it.
    expect(commonRows(before, rows([null, 1, 2, 3], 4))).to.equal(2);
    expect(commonRows([], before)).to.equal(0);
  });

  it('has details for a card', () => {
    const [row] = rows([null], 1);
    expect(rowDetails(row!, snapshot(1, null, { label: 'first' })).title).to.equal('Snapshot 1: first');
    expect(rowDetails(rows([null], 1, true)[1]!, undefined)).to.deep.include({ title: 'Now', facts: [] });
  });

  it('holds thousands', () => {
    const parents = Array.from({ length: 5000 }, (_, index) => index || null);
    expect(rows(parents, 5000)).to.have.length(5000);
    expect(totalBytes(list(parents, null))).to.equal(5000 * 8192);
  });
});

describe('the text of a snapshot', () => {
  const node = (more: Partial<SnapshotInfo>, current = false): Shown => ({ snapshot: snapshot(7, 6, more), current, branch: false });

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

describe('the status bar', () => {
  it('says how many, how much and how long', () => {
    const status = statusOf({ list: list([null, 1], 2), notices: [] });
    expect(status.text).to.equal('2 · 16 KiB · 740 µs');
    expect(status.spoken).to.equal('2 snapshots, 16 KiB, last pause 740 µs');
    expect(status.facts).to.deep.equal([
      ['Snapshots', '2'],
      ['Memory', '16 KiB'],
      ['Pause for snapshot 2', '740 µs'],
    ]);
  });

  it('counts what went, and says the last of it', () => {
    const notices = [1, 2, 3, 4, 5, 6].map((id) => ({ kind: 'evicted' as const, message: `Snapshot ${id} was evicted.` }));
    const status = statusOf({ list: list([null], 1), notices: [...notices, { kind: 'skipped', message: 'No room.' }] });
    expect(status.text).to.equal('1 · 8.0 KiB · 740 µs · 6 evicted · 1 skipped');
    expect(status.notices.slice(0, 2)).to.deep.equal(['No room.', 'Snapshot 6 was evicted.']);
    expect(status.notices).to.have.length(5);
  });
});

describe('whether the program is stopped', () => {
  const after = (stopped: boolean, ...messages: Parameters<typeof stoppedAfter>[1][]): boolean =>
    messages.reduce(stoppedAfter, stopped);

  it('follows the events', () => {
    expect(after(false, { type: 'event', event: 'stopped' })).to.equal(true);
    expect(after(true, { type: 'event', event: 'continued' })).to.equal(false);
    expect(after(true, { type: 'event', event: 'continued', body: { allThreadsContinued: false } }), 'one thread alone').to.equal(true);
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

describe('which question before a restore is open', () => {
  const after = (...messages: Parameters<typeof questionAfter>[1][]): number | null => messages.reduce(questionAfter, null);
  const asked = (question: number) => ({ type: 'event', event: 'rollpoint/confirmRestore', body: { question } });
  const answered = (question: number) => ({ type: 'request', command: 'rollpoint/answerRestore', arguments: { question } });

  it('is the last one, until it is answered', () => {
    expect(after()).to.equal(null);
    expect(after(asked(1), { type: 'request', command: 'stackTrace' })).to.equal(1);
    expect(after(asked(1), answered(1))).to.equal(null);
    expect(after(asked(1), asked(2), answered(1))).to.equal(2);
    expect(after(asked(1), asked(2), answered(1), answered(2))).to.equal(null);
  });
});

describe('whether the program differs from its current snapshot', () => {
  const after = (moved: boolean, ...messages: Parameters<typeof movedAfter>[1][]): boolean => messages.reduce(movedAfter, moved);

  it('does when it runs, and when it is changed', () => {
    expect(after(false, { type: 'request', command: 'next' })).to.equal(true);
    expect(after(false, { type: 'response', command: 'setVariable', success: true })).to.equal(true);
    expect(after(false, { type: 'response', command: 'setVariable', success: false })).to.equal(false);
    expect(after(false, { type: 'request', command: 'stackTrace' })).to.equal(false);
  });

  it('does not when it goes back', () => {
    expect(after(false, { type: 'request', command: 'stepBack' })).to.equal(false);
  });

  it('does not when a snapshot was taken or restored, but when the current one was deleted', () => {
    expect(movedAfterList(true, list([null], 1), list([null, 1], 2))).to.equal(false);
    expect(movedAfterList(true, list([null, 1], 2), list([null, 1], 1))).to.equal(false);
    expect(movedAfterList(false, list([null, 1], 2), list([null], 1))).to.equal(true);
    expect(movedAfterList(true, list([null, 1], 2), list([null, 1], 2))).to.equal(true);
    expect(movedAfterList(false, list([], null), list([null], 1))).to.equal(false);
  });
});

describe('whether the program has gone back', () => {
  it('shows in the list: a snapshot that was there before is the current one', () => {
    expect(wentBack(list([null, 1], 2), list([null, 1], 1))).to.equal(true);
    expect(wentBack(list([null, 1], 2), list([null, 1], 2))).to.equal(false);
    expect(wentBack(list([null], 1), list([null, 1], 2)), 'one was taken').to.equal(false);
    expect(wentBack(list([null, 1], 2), list([null], 1)), 'the current one was deleted').to.equal(false);
    expect(wentBack(list([], null), list([null], 1)), 'the first').to.equal(false);
    expect(wentBack(list([null], 1), list([], null)), 'the end').to.equal(false);
  });
});
