// One running gdb: commands in, results and asynchronous records out, and the news of its end.
// Must not know DAP, or what any command is for.
import { GDBBackend } from 'cdt-gdb-adapter/dist/gdb/GDBBackend';
import { UserError } from '../errors';
import { type GdbLocation, GdbProcess } from './gdbProcess';
import { helperScript, loggedLinePrefix, placedLinePrefix } from './helperScript';
import { inFrame, type MiStopped, quote } from './mi';

/** What gdb has set by itself, of what it was told to wait for: `number` is its own; without one it could not, and `message` says why. */
export interface Placed {
  id: number;
  number?: string;
  message?: string;
}

export interface GdbListener {
  running(): void;
  stopped(record: MiStopped): void;
  /** gdb had said that the debuggee runs, and takes it back: `error` has its words. */
  aborted(error: GdbError): void;
  /** `=breakpoint-modified` and the like. */
  notified(name: string, record: Record<string, unknown>): void;
  /** One log point's message. */
  logged(message: string): void;
  placed(breakpoint: Placed): void;
  /** What gdb says of itself: warnings and errors, not the output of commands. */
  said(text: string): void;
  /** gdb is gone, asked for or not. */
  ended(how: string): void;
  trace(line: string): void;
}

export class GdbError extends UserError {
  constructor(message: string) {
    super(message, false);
    this.name = 'GdbError';
  }
}

export class Gdb {
  private readonly backend: GDBBackend;
  private readonly process: GdbProcess;
  private capture: string[] | undefined;
  private consoleQueue: Promise<unknown> = Promise.resolve();
  private gone: string | undefined;
  private started = false;
  private listener: GdbListener | undefined;
  /** What gdb has said of itself since it was last told to resume. */
  private remarks = '';
  /** False where gdb was built without Python: no pretty-printers, log points or hit conditions. */
  hasPython = false;

  constructor(readonly location: GdbLocation) {
    this.process = new GdbProcess(location);
    this.backend = new GDBBackend(this.process);
  }

  get alive(): boolean {
    return this.gone === undefined;
  }

  async start(listener: GdbListener): Promise<void> {
    this.listener = listener;
    this.backend.on('execAsync', (name, record) => {
      listener.trace(`*${name} ${JSON.stringify(record)}`);
      if (name === 'stopped') {
        listener.stopped(record as MiStopped);
      } else if (name === 'running') {
        listener.running();
      }
    });
    // After `^running`: breakpoints are inserted in between, and with "Command aborted." gdb does not say which was not.
    this.backend.on('resultAsync', (kind: string, result: { msg?: string; 'cdt-token'?: string; 'cdt-command'?: string }) => {
      if (kind === 'error' && result['cdt-token'] && result['cdt-command'] === undefined) {
        const words = this.remarks.replace(/^Warning:\n/, '').replaceAll(/\s*\n\s*/g, ' ').trim();
        listener.aborted(new GdbError(words || (result.msg ?? 'gdb gives no reason.')));
      }
    });
    this.backend.on('notifyAsync', (name: string, record) => listener.notified(name, record as Record<string, unknown>));
    this.backend.on('consoleStreamOutput', (text: string, category: string) => this.hear(text, category));
    const ended = new Promise<never>((_, fail) => {
      this.backend.on('exit', (code, signal) => {
        this.gone = signal ? `was killed by ${signal}` : `ended with code ${code}`;
        fail(new UserError(`gdb (${this.location.path}) ${this.gone} while it was starting.`));
        listener.ended(this.gone);
      });
    });
    await Promise.race([this.backend.spawn({}), ended]);
    this.started = true;
    await this.configure();
  }

  private async configure(): Promise<void> {
    for (const setting of [
      'confirm off',
      'pagination off',
      'width 0',
      'height 0',
      'style enabled off',
      // Without it gdb puts raw bytes of a character beside octal escapes of its others.
      'print sevenbit-strings on',
      'print object on',
      'print static-members on',
      'print elements 256',
      'print max-depth 8',
      'backtrace past-main off',
      'breakpoint pending on',
      'breakpoint always-inserted on',
      'detach-on-fork on',
      // Stacks are read in such pieces: a page is there as a whole, and asking takes longer than bytes do.
      'dcache line-size 4096',
      'sysroot /',
      // Scripts of the system's libraries and of the Rust toolchain: the printers that make containers expand.
      `auto-load safe-path ${autoLoadFolders().join(':')}`,
      'debuginfod enabled off',
      'mi-async on',
    ]) {
      // A setting that this version of gdb does not know is one that it does not need.
      await this.command(`-gdb-set ${setting}`).catch(() => undefined);
    }
    await this.command('-enable-pretty-printing');
    this.hasPython = await this.python(helperScript).then(() => true, () => false);
  }

  /** Throws GdbError with gdb's own words; UserError when gdb is gone. */
  async command<T = unknown>(text: string): Promise<T> {
    if (this.gone !== undefined) {
      throw new UserError(`gdb ${this.gone}: start the session again.`, false);
    }
    this.listener?.trace(`-> ${text}`);
    if (text.startsWith('-exec-')) {
      this.remarks = '';
    }
    try {
      return await this.backend.sendCommand<T>(text);
    } catch (error) {
      // `gone` may have been set while the command waited.
      const gone = this.gone as string | undefined;
      if (gone !== undefined || !this.backend.isActive()) {
        throw new UserError(`gdb ${gone ?? 'is ending'}: start the session again.`, false);
      }
      throw new GdbError(error instanceof Error ? error.message : String(error));
    }
  }

  /** Runs a command as typed at gdb's prompt; what it prints comes back. */
  console(text: string, context?: { threadId?: number; level?: number }): Promise<string> {
    const result = this.consoleQueue.then(async () => {
      const capture: string[] = [];
      this.capture = capture;
      try {
        await this.command(`-interpreter-exec${inFrame(context)} console ${quote(text)}`);
      } finally {
        this.capture = undefined;
      }
      return capture.join('');
    });
    this.consoleQueue = result.catch(() => undefined);
    return result;
  }

  /** Runs a Python script inside gdb. */
  async python(script: string): Promise<string> {
    return this.console(`python exec(bytes.fromhex('${Buffer.from(script).toString('hex')}').decode())`);
  }

  /** Asks gdb to leave, and makes sure that it does. */
  async stop(): Promise<void> {
    if (!this.started) {
      await this.process.stop();
    } else if (this.alive) {
      const left = new Promise<void>((done) => this.backend.once('exit', () => done()));
      void this.backend.sendGDBExit().catch(() => undefined);
      const patience = setTimeout(() => void this.process.stop(), 1000);
      await left;
      clearTimeout(patience);
    }
  }

  private hear(text: string, category: string): void {
    if (text.startsWith(loggedLinePrefix)) {
      this.listener?.logged(decodeLine(text, loggedLinePrefix));
    } else if (text.startsWith(placedLinePrefix)) {
      this.listener?.placed(JSON.parse(decodeLine(text, placedLinePrefix)) as Placed);
    } else if (category === 'stdout' && this.capture) {
      this.capture.push(text);
    } else if (category !== 'stdout') {
      this.remarks += text;
      this.listener?.said(text);
    }
  }
}

/** What it says travels as hex, so that it stays on one line of gdb's console stream. */
function decodeLine(line: string, prefix: string): string {
  return Buffer.from(line.slice(prefix.length).trim(), 'hex').toString();
}

function autoLoadFolders(): string[] {
  return ['$debugdir', '$datadir/auto-load', '/usr/share/gdb/auto-load', '/usr/lib', '/usr/lib64', '/lib', '/usr/local'];
}
