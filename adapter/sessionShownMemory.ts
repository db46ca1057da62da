// The memory that the client has asked for, and may still show: it is told when the bytes there may be others.
// Must not know why they are.
import { event } from './sessionEvents';
import type { Client } from './sessionParts';

/** Clients do not tell what they no longer show. */
const mostReferences = 32;

export class ShownMemory {
  /** By reference, in the client's words; the one that was read last is the last. Offsets in bytes. */
  private readonly ranges = new Map<string, { from: number; to: number }>();

  private telling = false;

  constructor(private readonly client: Client) {}

  read(memoryReference: string, offset: number, count: number): void {
    if (!this.client.wantsMemoryEvents) {
      return;
    }
    const { from, to } = this.ranges.get(memoryReference) ?? { from: offset, to: offset };
    this.ranges.delete(memoryReference);
    this.ranges.set(memoryReference, { from: Math.min(from, offset), to: Math.max(to, offset + count) });
    const [oldest] = this.ranges.keys();
    if (this.ranges.size > mostReferences && oldest !== undefined) {
      this.ranges.delete(oldest);
    }
  }

  /** One change of the user's may be many writes of gdb's. */
  changed(): void {
    if (this.telling || this.ranges.size === 0) {
      return;
    }
    this.telling = true;
    setImmediate(() => {
      this.telling = false;
      for (const [memoryReference, { from, to }] of this.ranges) {
        this.client.send(event('memory', { memoryReference, offset: from, count: to - from }));
      }
    });
  }
}
