// The breakpoints and watchpoints that a debugger has inserted, as the core wants them: a watched region in pieces.
// Must not know packets, or when the process runs.
import type { BreakpointType } from '../rsp/target';
import type { Core } from './core';
import { WatchRegions, type WatchPiece } from './watchRegions';

export class InsertedBreakpoints {
  private readonly watched = new WatchRegions();

  constructor(private readonly core: Pick<Core, 'insertBreakpoint' | 'removeBreakpoint'>) {}

  /** All of a watched region, or none of it. */
  async insert(type: BreakpointType, address: bigint, length: number): Promise<void> {
    if (!isWatch(type)) return this.core.insertBreakpoint(type, address, length);
    const done: WatchPiece[] = [];
    try {
      for (const piece of this.watched.add(type, address, length)) {
        await this.core.insertBreakpoint(piece.kind, piece.address, piece.length);
        done.push(piece);
      }
    } catch (error) {
      this.watched.remove(type, address, length);
      for (const piece of done) await this.core.removeBreakpoint(piece.kind, piece.address, piece.length);
      throw error;
    }
  }

  async remove(type: BreakpointType, address: bigint, length: number): Promise<void> {
    if (!isWatch(type)) return this.core.removeBreakpoint(type, address, length);
    for (const piece of this.watched.remove(type, address, length)) {
      await this.core.removeBreakpoint(piece.kind, piece.address, piece.length);
    }
  }

  /** They went with the program. */
  forget(): void {
    this.watched.clear();
  }
}

function isWatch(type: BreakpointType): boolean {
  return type !== 'software' && type !== 'hardware';
}
