// One pseudo-terminal of the debuggee, seen from its master side: reads without loss, writes, ends.
// Bytes only; must not know DAP, who reads them or what the debuggee is.
import { closeSync, constants, openSync } from 'node:fs';
import { ReadStream } from 'node:tty';

/** How long a descendant that outlives the debuggee and keeps the terminal open may stay silent before we leave. */
const quietMillis = 100;
const drainMillis = 2000;

export class PtyMaster {
  private readonly stream: ReadStream;
  /** While we hold the slave open, a debuggee that closes all of its descriptors does not end the terminal (EIO). */
  private slave: number | undefined;
  private lastRead = Date.now();
  private ended = false;
  private readonly whenEnded: Promise<void>;

  /** Owns `master` from here on. `onData` gets what the debuggee writes, in order. */
  constructor(
    master: number,
    readonly path: string,
    onData: (bytes: Buffer) => void,
  ) {
    this.slave = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
    this.stream = new ReadStream(master);
    this.stream.on('data', (bytes: Buffer) => {
      this.lastRead = Date.now();
      onData(bytes);
    });
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

  /** After the end of the debuggee: resolves when all that it wrote has been read. Bounded, whoever else holds the terminal. */
  async drain(): Promise<void> {
    this.releaseSlave();
    const begin = Date.now();
    this.lastRead = begin;
    while (!this.ended && Date.now() - this.lastRead < quietMillis && Date.now() - begin < drainMillis) {
      await Promise.race([this.whenEnded, new Promise((resolve) => setTimeout(resolve, quietMillis / 4))]);
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
