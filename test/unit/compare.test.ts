// A comparison as texts and bytes, what is typed for "what if", what the user watches: the pure parts.
import { expect } from 'chai';
import type { Comparison, RegionChange, VariableChange } from '../../adapter/protocol';
import { assignmentsOf, assignmentsText } from '../../extension/assignments';
import { changedRows, hexLines, type ReadBoth } from '../../extension/compare/bytes';
import { comparisonTexts, isEmpty } from '../../extension/compare/comparisonText';
import { WatchedExpressions } from '../../extension/runState';

const nothing: Comparison = { variables: [], regions: [], threads: [], descriptors: [], files: [] };

function region(more: Partial<RegionChange> = {}): RegionChange {
  return {
    start: '0x1000',
    end: '0x3000',
    name: '[heap]',
    change: 'changed',
    protection: { from: 'rw-p', to: 'rw-p' },
    changedBytes: 1,
    changedPages: 1,
    ranges: [{ address: '0x1004', length: 1 }],
    truncated: false,
    ...more,
  };
}

/** Zeros, and ones on the second side at the addresses given. */
function memory(ones: bigint[], end = 0x3000n): { read: ReadBoth; asked: () => number } {
  let asked = 0;
  const read: ReadBoth = (address, count) => {
    asked += 1;
    const length = Math.max(0, Math.min(count, Number(end - address)));
    const from = new Uint8Array(length);
    const to = from.slice();
    for (const one of ones) if (one >= address && one < address + BigInt(length)) to[Number(one - address)] = 1;
    return Promise.resolve([from, to]);
  };
  return { read, asked: () => asked };
}

describe('bytes that differ', () => {
  const addresses = async (about: RegionChange, ones: bigint[], start = 0n, limit = 100) => {
    const { rows, next } = await changedRows(about, start, limit, memory(ones).read);
    return { rows: rows.map(({ address }) => address), next };
  };

  it('are shown in whole rows, and only those', async () => {
    const about = region({ ranges: [{ address: '0x1004', length: 1 }, { address: '0x101f', length: 2 }] });
    expect(await addresses(about, [0x1004n, 0x101fn, 0x1020n])).to.deep.equal({ rows: [0x1000n, 0x1010n, 0x1020n], next: null });
    const { rows } = await changedRows(about, 0n, 100, memory([0x1004n, 0x1020n]).read);
    expect(hexLines(rows, 'to')).to.deep.equal([
      '000000001000  00 00 00 00 01 00 00 00  00 00 00 00 00 00 00 00  |................|',
      '…',
      '000000001020  01 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|',
    ]);
  });

  it('come page by page', async () => {
    const ones = [0x1000n, 0x1010n, 0x1020n, 0x2000n];
    const about = region({ ranges: ones.map((address) => ({ address: `0x${address.toString(16)}`, length: 1 })) });
    expect(await addresses(about, ones, 0n, 3)).to.deep.equal({ rows: [0x1000n, 0x1010n, 0x1020n], next: 0x2000n });
    expect(await addresses(about, ones, 0x2000n, 3)).to.deep.equal({ rows: [0x2000n], next: null });
  });

  it('are looked for where there are more than were told', async () => {
    const about = region({ truncated: true });
    expect((await addresses(about, [0x1004n, 0x2ff0n])).rows).to.deep.equal([0x1000n, 0x2ff0n]);
    expect((await addresses(region(), [0x1004n, 0x2ff0n])).rows, 'else nowhere').to.deep.equal([0x1000n]);
  });

  it('may be at the end of memory, or beyond it on one side', async () => {
    const read: ReadBoth = () => Promise.resolve([new Uint8Array(2), new Uint8Array(3)]);
    const { rows } = await changedRows(region(), 0n, 10, read);
    expect(hexLines(rows, 'from')).to.deep.equal([`000000001000  00 00${' '.repeat(45)}|..|`]);
  });

  it('that lie close together are read at once', async () => {
    const ranges = Array.from({ length: 100 }, (_, index) => ({ address: `0x${(0x1000 + 64 * index).toString(16)}`, length: 1 }));
    const { read, asked } = memory([]);
    await changedRows(region({ ranges }), 0n, 100, read);
    expect(asked()).to.equal(1);
  });
});

describe('a comparison as two texts', () => {
  const sides = [{ name: 'Snapshot 1', details: 'main' }, { name: 'Present', details: '' }] as const;
  const variable = (more: Partial<VariableChange>): VariableChange => ({ scope: 'global', name: 'x', type: 'int', from: '1', to: '2', ...more });
  const texts = (change: Partial<Comparison>, previews = new Map()) => comparisonTexts({ ...nothing, ...change }, sides, previews);
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '').slice(1);

  it('has as many lines on both sides, and a section for each kind', () => {
    const { from, to, regionLines } = texts({
      variables: [
        variable({}),
        variable({ scope: 'local', name: 'n', function: 'main', threadId: 1 }),
        variable({ scope: 'local', name: 'm', function: 'work', threadId: 3, fromThreadId: 2, from: null }),
        variable({ scope: 'watch', name: 'x * 2', from: '2', to: '4' }),
      ],
      threads: [{ tid: 7, name: 'worker', change: 'added', from: null, to: { name: 'work', path: '/a/b.c', line: 3 } }],
      files: [{ path: '/tmp/log', change: 'changed', from: 10, to: 2048 }],
      descriptors: [{ descriptor: 3, change: 'closed', from: '/tmp/log, writing', to: null }],
      regions: [region({ change: 'added', name: '', protection: { from: null, to: 'rw-p' } }), region()],
    });
    expect(lines(from)).to.deep.equal([
      'Variables', '  main, thread 1', '    n: int = 1', '  work, thread 2', '    m: int = (not there)',
      'Globals', '  x: int = 1', 'Watch', '  x * 2: int = 2', 'Threads', '  worker (7): (not there)', 'Files', '  /tmp/log: 10 B',
      'Descriptors', '  3: /tmp/log, writing', 'Mappings', '  0x1000-0x3000: (not mapped)',
      'Memory', '  [heap], 0x1000-0x3000, rw-p: 1 byte in 1 page',
    ]);
    expect(lines(to)).to.include.members(['  work, thread 3', '  worker (7): work  b.c:3', '  /tmp/log: 2.0 KiB (2048 bytes)', '  3: (closed)', '  0x1000-0x3000: rw-p']);
    expect(to.split('\n').length).to.equal(from.split('\n').length);
    expect([...regionLines.values()]).to.deep.equal([1]);
    expect(from.split('\n')[[...regionLines.keys()][0]!]).to.include('[heap]');
  });

  it('says that something differs where both read alike', () => {
    const { from, to } = texts({ variables: [variable({ name: 'v', type: 'Vector', from: 'of length 9', to: 'of length 9' })], files: [{ path: '/f', change: 'changed', from: 5, to: 5 }] });
    expect(lines(from)).to.include.members(['  v: Vector = of length 9', '  /f: 5 B']);
    expect(lines(to)).to.include.members(['  v: Vector = of length 9 (other contents)', '  /f: 5 B, other contents']);
  });

  it('keeps a value on its line', () => {
    expect(lines(texts({ variables: [variable({ from: '{\n  a = 1\n}' })] }).from)).to.include('  x: int = { a = 1 }');
  });

  it('knows when there is nothing to tell', () => {
    expect(isEmpty(nothing)).to.equal(true);
    expect(isEmpty({ ...nothing, regions: [region()] })).to.equal(false);
  });
});

describe('what is typed for what if', () => {
  const parsed = (text: string) => assignmentsOf(text).assignments?.map(({ expression, value }) => [expression, value]);

  it('is a list of assignments', () => {
    expect(parsed('wanted = 33')).to.deep.equal([['wanted', '33']]);
    expect(parsed(' a.b[i] = x + 1 ; *p=3;')).to.deep.equal([['a.b[i]', 'x + 1'], ['*p', '3']]);
    expect(parsed('flag = a == b')).to.deep.equal([['flag', 'a == b']]);
    expect(parsed('a[i == 2] = 1')).to.deep.equal([['a[i == 2]', '1']]);
    expect(parsed(`c = ';'`)).to.deep.equal([['c', `';'`]]);
    expect(parsed(`m["a=b"] = '\\''; n = 1`)).to.deep.equal([['m["a=b"]', `'\\''`], ['n', '1']]);
    expect(assignmentsText(assignmentsOf('a=1;b = 2').assignments!)).to.equal('a = 1; b = 2');
  });

  it('is refused with a reason where it is none', () => {
    for (const [text, reason] of [
      ['', /such as count = 3/],
      [' ; ', /such as count = 3/],
      ['wanted', /^Say what "wanted" is to be: wanted = …$/],
      ['a == b', /^Say what "a == b"/],
      ['a += 1', /^Say what "a \+= 1"/],
      ['a <= 1', /^Say what/],
      ['wanted =', /^Say what "wanted" is to be\.$/],
      ['= 3', /^Name a variable/],
    ] as const) {
      expect(assignmentsOf(text).problem, text).to.match(reason);
    }
  });
});

describe('what the user watches', () => {
  const watch = (expression: string) => ({ type: 'request', command: 'evaluate', arguments: { context: 'watch', expression } });

  it('is what was asked for since the last stop, or before where nothing was', () => {
    const watched = new WatchedExpressions();
    const stopped = { type: 'event', event: 'stopped' };
    expect(watched.after(watch('a'))).to.deep.equal(['a']);
    expect(watched.after(watch(' b '))).to.deep.equal(['a', 'b']);
    expect(watched.after({ ...watch('hovered'), arguments: { context: 'hover', expression: 'hovered' } })).to.deep.equal(['a', 'b']);
    expect(watched.after(stopped)).to.deep.equal(['a', 'b']);
    expect(watched.after(watch('b'))).to.deep.equal(['b']);
    expect(watched.after(watch('b'))).to.deep.equal(['b']);
  });
});
