// Framing of the GDB remote protocol: `$payload#checksum`, escapes, acknowledgements, the interrupt byte.
// Payloads are latin1 strings, one character per byte; what they mean is not known here.

const ESCAPE = 0x7d;
const needsEscape = /[#$}*]/;

function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum = (sum + byte) & 0xff;
  return sum;
}

/** Puts `}` before each character that has a meaning in the framing; `*` starts a run length in what a server sends. */
export function escapePayload(payload: string): string {
  if (!needsEscape.test(payload)) return payload;
  return payload.replace(/[#$}*]/g, (c) => '}' + String.fromCharCode(c.charCodeAt(0) ^ 0x20));
}

export function unescapePayload(body: string): string {
  if (!body.includes('}')) return body;
  return body.replace(/\}([\s\S])/g, (_, c: string) => String.fromCharCode(c.charCodeAt(0) ^ 0x20));
}

/** The bytes on the wire for a payload. */
export function encodePacket(payload: string): Buffer {
  const body = Buffer.from(escapePayload(payload), 'latin1');
  const wire = Buffer.allocUnsafe(body.length + 4);
  wire[0] = 0x24;
  wire.set(body, 1);
  wire.write('#' + checksum(body).toString(16).padStart(2, '0'), body.length + 1, 'latin1');
  return wire;
}

export type PacketEvent =
  | { kind: 'packet'; payload: string }
  | { kind: 'badChecksum' }
  | { kind: 'ack' }
  | { kind: 'nack' }
  | { kind: 'interrupt' };

/** Turns the bytes of a connection into events; keeps what is incomplete for the next call. */
export class PacketDecoder {
  private pending: Buffer = Buffer.alloc(0);

  push(data: Uint8Array): PacketEvent[] {
    this.pending = this.pending.length === 0 ? Buffer.from(data) : Buffer.concat([this.pending, data]);
    const events: PacketEvent[] = [];
    let at = 0;
    while (at < this.pending.length) {
      const byte = this.pending[at];
      if (byte === 0x24) {
        const end = this.endOfPacket(at + 1);
        if (end < 0) break;
        events.push(this.decode(at + 1, end));
        at = end + 3;
        continue;
      }
      if (byte === 0x03) events.push({ kind: 'interrupt' });
      else if (byte === 0x2b) events.push({ kind: 'ack' });
      else if (byte === 0x2d) events.push({ kind: 'nack' });
      at += 1;
    }
    this.pending = this.pending.subarray(at);
    return events;
  }

  /** Index of `#`, or -1 while the two digits after it are not there. */
  private endOfPacket(from: number): number {
    const end = this.pending.indexOf(0x23, from);
    return end >= 0 && end + 2 < this.pending.length ? end : -1;
  }

  private decode(start: number, end: number): PacketEvent {
    const body = this.pending.subarray(start, end);
    const expected = Number.parseInt(this.pending.toString('latin1', end + 1, end + 3), 16);
    if (checksum(body) !== expected) return { kind: 'badChecksum' };
    const text = body.toString('latin1');
    return { kind: 'packet', payload: body.includes(ESCAPE) ? unescapePayload(text) : text };
  }
}
