// The bytes of a mapping that differ between two moments, row by row and page by page.
// Pure but for the reading, which is given; must not know VS Code or sessions.

import type { RegionChange } from '../../adapter/protocol';

/** Memory of both moments from `address` on, shorter where it ends. */
export type ReadBoth = (address: bigint, count: number) => Promise<readonly [from: Uint8Array, to: Uint8Array]>;

export interface Row {
  address: bigint;
  from: Uint8Array;
  to: Uint8Array;
}

export interface BytesPage {
  rows: Row[];
  /** Where the next page begins; null: there is none. */
  next: bigint | null;
}

export const rowBytes = 16;
const chunkBytes = 1 << 16;
/** Changes that are no farther apart are read at once. */
const nearBytes = 1 << 12;
/** Of memory without known changes no more than this is read for one page. */
const mostScanned = 1 << 26;

/** The first `limit` rows from `start` on that differ. */
export async function changedRows(region: RegionChange, start: bigint, limit: number, read: ReadBoth): Promise<BytesPage> {
  const rows: Row[] = [];
  let scanned = 0;
  for (const span of spansOf(region, start)) {
    for (let at = span.start; at < span.end; ) {
      if (scanned >= mostScanned) return { rows, next: at };
      const count = Number(span.end - at < BigInt(chunkBytes) ? span.end - at : BigInt(chunkBytes));
      const [from, to] = await read(at, count);
      scanned += count;
      for (let offset = 0; offset < count; offset += rowBytes) {
        const row = [from, to].map((bytes) => bytes.subarray(offset, offset + rowBytes)) as [Uint8Array, Uint8Array];
        if (same(...row)) continue;
        if (rows.length === limit) return { rows, next: at + BigInt(offset) };
        rows.push({ address: at + BigInt(offset), from: row[0], to: row[1] });
      }
      at += BigInt(count);
    }
  }
  return { rows, next: null };
}

/** One line for each row, and one for each gap between two; alike for both sides but for the bytes. */
export function hexLines(rows: readonly Row[], side: 'from' | 'to'): string[] {
  return rows.flatMap((row, index) => {
    const before = rows[index - 1];
    const gap = before !== undefined && before.address + BigInt(rowBytes) !== row.address;
    return [...(gap ? ['…'] : []), hexLine(row.address, row[side])];
  });
}

function hexLine(address: bigint, bytes: Uint8Array): string {
  const cells = Array.from({ length: rowBytes }, (_, index) => bytes[index]?.toString(16).padStart(2, '0') ?? '  ');
  const text = [...bytes].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
  const half = rowBytes / 2;
  return `${address.toString(16).padStart(12, '0')}  ${cells.slice(0, half).join(' ')}  ${cells.slice(half).join(' ')}  |${text}|`;
}

/** Whole rows, in ascending order: around the changes that are known, then whatever lies behind them where there are more. */
function spansOf({ ranges, truncated, end }: RegionChange, start: bigint): { start: bigint; end: bigint }[] {
  const spans: { start: bigint; end: bigint }[] = [];
  const mask = BigInt(rowBytes - 1);
  const add = (from: bigint, to: bigint): void => {
    const last = spans.at(-1);
    const [first, beyond] = [from & ~mask, (to + mask) & ~mask];
    if (last && first - last.end <= BigInt(nearBytes)) last.end = beyond > last.end ? beyond : last.end;
    else spans.push({ start: first, end: beyond });
  };
  for (const { address, length } of ranges) add(BigInt(address), BigInt(address) + BigInt(length));
  const known = spans.at(-1);
  if (truncated && known) add(known.end, BigInt(end));
  return spans
    .filter((span) => span.end > start)
    .map((span) => (span.start < start ? { start, end: span.end } : span));
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
