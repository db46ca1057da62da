// What the adapter and the relay in a terminal say to each other over their socket: frames of kind, length, payload.
// Pure encoding; must not know sockets or terminals.

/** `input` and `size` come from the relay, `output` and `exit` from the adapter. */
export type Frame =
  | { kind: 'input' | 'output'; bytes: Buffer }
  | { kind: 'size'; rows: number; columns: number }
  /** Text to print before the relay ends. */
  | { kind: 'exit'; text: string };

const headerLength = 5;
/** Nothing of ours comes near; more means that the other side speaks something else. */
const longestPayload = 1 << 24;
const letters = { input: 'i', output: 'o', size: 's', exit: 'x' } as const;

export function encodeFrame(frame: Frame): Buffer {
  const payload =
    frame.kind === 'size'
      ? Buffer.from(`${frame.rows} ${frame.columns}`)
      : frame.kind === 'exit'
        ? Buffer.from(frame.text)
        : frame.bytes;
  const header = Buffer.alloc(headerLength);
  header.write(letters[frame.kind], 0, 'latin1');
  header.writeUInt32BE(payload.length, 1);
  return Buffer.concat([header, payload]);
}

export class FrameReader {
  private rest: Buffer = Buffer.alloc(0);

  /** The frames completed by `bytes`. Throws when they are none. */
  add(bytes: Buffer): Frame[] {
    this.rest = this.rest.length ? Buffer.concat([this.rest, bytes]) : bytes;
    const frames: Frame[] = [];
    while (this.rest.length >= headerLength) {
      const length = this.rest.readUInt32BE(1);
      if (length > longestPayload) {
        throw new Error(`A frame of ${length} bytes on the terminal's socket`);
      }
      if (this.rest.length < headerLength + length) {
        break;
      }
      frames.push(decode(String.fromCharCode(this.rest[0]!), this.rest.subarray(headerLength, headerLength + length)));
      this.rest = this.rest.subarray(headerLength + length);
    }
    return frames;
  }
}

function decode(letter: string, payload: Buffer): Frame {
  switch (letter) {
    case letters.input:
      return { kind: 'input', bytes: payload };
    case letters.output:
      return { kind: 'output', bytes: payload };
    case letters.size: {
      const [rows = 0, columns = 0] = payload.toString().split(' ').map(Number);
      return { kind: 'size', rows: rows || 24, columns: columns || 80 };
    }
    case letters.exit:
      return { kind: 'exit', text: payload.toString() };
    default:
      throw new Error(`An unknown frame ${JSON.stringify(letter)} on the terminal's socket`);
  }
}
