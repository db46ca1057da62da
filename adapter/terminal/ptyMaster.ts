// One pseudo-terminal of the debuggee, seen from its master side: reads without loss, writes, ends.
// Bytes only; must not know DAP, who reads them or what the debuggee is.
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { ReadStream } from 'node:tty';

/** More than a terminal holds: beyond it somebody who outlives the debuggee is writing, and we leave. */
const drainBytes = 1 << 20;

export class PtyMaster {
  private readonly stream: ReadStream;
  /** While we hold the slave open, a debuggee that closes all of its descriptors does not end the terminal (EIO). */
  private slave: number | undefined;
  private ended = false;
  private readonly whenEnded: Promise<void>;

  /** Owns `master` from here on. `onData` gets what the debuggee writes, in order. */
  constructor(
    private readonly master: number,
    readonly path: string,
    private readonly onData: (bytes: Buffer) => void,
  ) {
    this.slave = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
    this.stream = new ReadStream(master);
    this.stream.on('data', onData);
    this.whenEnded = new Promise((resolve) => {
      const end = () => {
        this.ended = true;
        resolve();
      };
      // EIO: nobody has the slave open any more, and all that was written has been read (pty(7)).
      this.stream.on('error', end);
      this.stream.on('close', end);
    });
  }

  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    this.stream.resume();
  }

  /** False when the debuggee does not read: wait for `whenWritable`. */
  write(bytes: Uint8Array | string): boolean {
    return this.ended || this.stream.write(bytes);
  }

  whenWritable(): Promise<void> {
    return new Promise((resolve) => {
      if (this.ended || !this.stream.writableNeedDrain) {
        resolve();
      } else {
        this.stream.once('drain', resolve);
        void this.whenEnded.then(resolve);
      }
    });
  }

  /**
   * After the end of the debuggee: reads all that it wrote, whoever else holds the terminal, and gives up the slave.
   * By hand, and before nobody has the slave open any more: then libuv takes the first short read, as every read of a
   * terminal is, for the end, and drops what comes after it.
   */
  async drain(): Promise<void> {
    if (!this.ended && this.slave !== undefined) {
      this.stream.pause();
      this.readByHand();
    }
    this.releaseSlave();
  }

  /** While the debuggee stands still: all that it has written so far is handed out before it returns. */
  readAll(): void {
    if (this.ended || this.slave === undefined) {
      return;
    }
    const paused = this.stream.isPaused();
    this.stream.pause();
    this.readByHand();
    if (!paused) {
      this.stream.resume();
    }
  }

  private readByHand(): void {
    for (let rest = this.stream.read() as Buffer | null; rest; rest = this.stream.read() as Buffer | null) {
      // `read` has handed it to the listener of `data`.
    }
    const buffer = Buffer.alloc(1 << 16);
    for (let total = 0, length = 1; length > 0 && total < drainBytes; total += length) {
      length = this.readNow(buffer);
      if (length > 0) this.onData(Buffer.from(buffer.subarray(0, length)));
    }
  }

  /** Bytes read; 0 when there are none now. */
  private readNow(buffer: Buffer): number {
    try {
      return readSync(this.master, buffer);
    } catch {
      return 0; // EAGAIN
    }
  }

  /** Hangs up: the debuggee, where it lives and this is its controlling terminal, gets SIGHUP from the kernel. */
  destroy(): void {
    this.releaseSlave();
    this.stream.destroy();
  }

  private releaseSlave(): void {
    if (this.slave !== undefined) {
      closeSync(this.slave);
      this.slave = undefined;
    }
  }
}
