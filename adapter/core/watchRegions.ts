// Splits watched regions into what a debug register can watch, and counts the users of each piece.
// Pure bookkeeping: who talks to the processor is not known here.
import type { BreakpointKind } from './native';

export interface WatchPiece {
  kind: BreakpointKind;
  address: bigint;
  /** 1, 2, 4 or 8, and the address a multiple of it (Intel SDM vol. 3, 18.2.5). */
  length: number;
}

const WIDEST = 8;

/** The fewest aligned pieces that cover the region. */
export function piecesOf(kind: BreakpointKind, address: bigint, length: number): WatchPiece[] {
  const pieces: WatchPiece[] = [];
  const end = address + BigInt(length);
  for (let at = address; at < end; ) {
    let size = WIDEST;
    while (at % BigInt(size) !== 0n || at + BigInt(size) > end) size /= 2;
    pieces.push({ kind, address: at, length: size });
    at += BigInt(size);
  }
  return pieces;
}

export class WatchRegions {
  private readonly users = new Map<string, number>();

  /** Pieces that nothing watches yet; they count from now on. */
  add(kind: BreakpointKind, address: bigint, length: number): WatchPiece[] {
    return piecesOf(kind, address, length).filter((piece) => this.count(piece, 1) === 1);
  }

  /** Pieces that nothing watches any more. */
  remove(kind: BreakpointKind, address: bigint, length: number): WatchPiece[] {
    return piecesOf(kind, address, length).filter((piece) => this.count(piece, -1) === 0);
  }

  clear(): void {
    this.users.clear();
  }

  /** The new count; -1 for a removal of what was never there. */
  private count(piece: WatchPiece, change: 1 | -1): number {
    const key = `${piece.kind} ${piece.address} ${piece.length}`;
    const users = (this.users.get(key) ?? 0) + change;
    if (users > 0) this.users.set(key, users);
    else this.users.delete(key);
    return users;
  }
}
