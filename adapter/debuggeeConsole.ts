// The terminal that the debuggee lives on: a pseudo-terminal of ours, shown in the debug console or in a terminal of the
// client. Must not know gdb, the session or the addon: ptys and DAP are passed in.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { UserError } from './errors';
import type { ConsoleKind } from './protocol';
import { encodeFrame, FrameReader } from './terminal/frames';
import { OutputText } from './terminal/outputText';
import { PtyMaster } from './terminal/ptyMaster';

export interface Ptys {
  openPty(rows: number, columns: number): { master: number; path: string };
  resizePty(master: number, rows: number, columns: number): void;
}

export interface ConsoleParts {
  ptys: Ptys;
  /** Sends an `output` event. */
  output(category: 'stdout' | 'stderr' | 'console', text: string): void;
  /** While the client reads slower than the debuggee writes: resolves when it has caught up. Undefined when it keeps up. */
  caughtUp(): Promise<void> | undefined;
  /** The reverse request; undefined when the client lacks it. Rejects with the client's words. */
  runInTerminal: ((args: DebugProtocol.RunInTerminalRequestArguments) => Promise<void>) | undefined;
  /** Command that starts this adapter, to which `--terminal SOCKET` is added. */
  adapterCommand: string[];
}

export interface DebuggeeConsole {
  /** Paths of the ptys, as the core takes them. */
  readonly stdio: { kind: 'terminal'; terminal: string; stderrTerminal?: string };
  /** To the debuggee's standard input. */
  write(text: string): void;
  /** End of file on the debuggee's standard input, where it reads lines: ^D. */
  endInput(): void;
  /** While the debuggee stands still: what it has written so far is out when it resolves. */
  settle(): Promise<void>;
  /** After the end of the debuggee, before the client hears of it: all output is out when it resolves. `status` is for a terminal. */
  finish(status: string): Promise<void>;
  /** At the end of the session, or when the launch failed. */
  dispose(): void;
}

const rows = 24;
const columns = 80;
const endOfFile = '\x04';
const terminalStartMillis = 30_000;

/** Throws UserError when the client's terminal does not start. */
export async function openDebuggeeConsole(kind: ConsoleKind, program: string, parts: ConsoleParts): Promise<DebuggeeConsole> {
  if (kind === 'internalConsole') {
    return openInDebugConsole(parts);
  }
  if (!parts.runInTerminal) {
    parts.output('console', `This client opens no terminals: "console": "${kind}" falls back to the debug console.\n`);
    return openInDebugConsole(parts);
  }
  return openInTerminal(kind, program, parts, parts.runInTerminal);
}

async function openInDebugConsole(parts: ConsoleParts): Promise<DebuggeeConsole> {
  const [out, err] = [new Lane('stdout', parts), new Lane('stderr', parts)];
  // The debug console shows what is typed itself, and knows no carriage returns.
  await Promise.all([out, err].map((lane) => configure(lane.pty.path, ['-echo', '-onlcr'])));
  return {
    stdio: { kind: 'terminal', terminal: out.pty.path, stderrTerminal: err.pty.path },
    write: (text) => void out.pty.write(text),
    endInput: () => void out.pty.write(endOfFile),
    settle: () => {
      out.settle();
      err.settle();
      return Promise.resolve();
    },
    finish: async () => {
      await Promise.all([out.finish(), err.finish()]);
    },
    dispose: () => {
      out.pty.destroy();
      err.pty.destroy();
    },
  };
}

/** One pty whose output goes to the debug console under one category. */
class Lane {
  readonly pty: PtyMaster;
  private readonly text = new OutputText();
  private waiting = '';
  private scheduled = false;

  constructor(
    private readonly category: 'stdout' | 'stderr',
    private readonly parts: ConsoleParts,
  ) {
    const { master, path } = parts.ptys.openPty(rows, columns);
    this.pty = new PtyMaster(master, path, (bytes) => this.add(this.text.add(bytes)));
  }

  settle(): void {
    this.pty.readAll();
    this.flush();
  }

  async finish(): Promise<void> {
    await this.pty.drain();
    this.waiting += this.text.end();
    this.flush();
    this.pty.destroy();
  }

  /** A pty hands out at most a page at a time: gather what one turn of the event loop brings. */
  private add(text: string): void {
    this.waiting += text;
    if (this.scheduled) {
      return;
    }
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.flush();
      const caughtUp = this.parts.caughtUp();
      if (caughtUp) {
        this.pty.pause();
        void caughtUp.then(() => this.pty.resume());
      }
    });
  }

  private flush(): void {
    if (this.waiting) {
      this.parts.output(this.category, this.waiting);
      this.waiting = '';
    }
  }
}

async function openInTerminal(
  kind: ConsoleKind,
  program: string,
  parts: ConsoleParts,
  runInTerminal: NonNullable<ConsoleParts['runInTerminal']>,
): Promise<DebuggeeConsole> {
  const relay = await startRelay(kind, program, parts.adapterCommand, runInTerminal);
  const { master, path } = parts.ptys.openPty(relay.rows, relay.columns);
  const send = (frame: Buffer) => relay.socket.destroyed || relay.socket.write(frame);
  const pty = new PtyMaster(master, path, (bytes) => {
    if (!send(encodeFrame({ kind: 'output', bytes }))) {
      pty.pause();
      relay.socket.once('drain', () => pty.resume());
    }
  });
  let finished = false;
  relay.onFrame((frame) => {
    if (finished) {
      return;
    }
    if (frame.kind === 'size') {
      parts.ptys.resizePty(master, frame.rows, frame.columns);
    } else if (frame.kind === 'input' && !pty.write(frame.bytes)) {
      relay.socket.pause();
      void pty.whenWritable().then(() => relay.socket.resume());
    }
  });
  relay.socket.once('close', () => {
    pty.resume();
    if (!finished) {
      finished = true;
      parts.output('console', "The program's terminal was closed; the program gets SIGHUP.\n");
      pty.destroy();
    }
  });
  return {
    stdio: { kind: 'terminal', terminal: path },
    write: (text) => void pty.write(text),
    endInput: () => void pty.write(endOfFile),
    settle: () => {
      pty.readAll();
      return Promise.resolve();
    },
    finish: async (status) => {
      if (!finished) {
        await pty.drain();
        finished = true;
        pty.destroy();
        send(encodeFrame({ kind: 'exit', text: `\r\n${status}\r\n` }));
        relay.socket.end();
      }
    },
    dispose: () => {
      finished = true;
      pty.destroy();
      relay.socket.end();
    },
  };
}

interface Relay {
  socket: Socket;
  rows: number;
  columns: number;
  onFrame(handle: (frame: ReturnType<FrameReader['add']>[number]) => void): void;
}

async function startRelay(
  kind: ConsoleKind,
  program: string,
  adapterCommand: string[],
  runInTerminal: NonNullable<ConsoleParts['runInTerminal']>,
): Promise<Relay> {
  // mkdtemp makes it 0700: nobody else may speak to the debuggee's terminal.
  const folder = await mkdtemp(join(tmpdir().length < 80 ? tmpdir() : '/tmp', 'rollpoint-terminal-'));
  const path = join(folder, 'socket');
  const server = createServer();
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    const connected = new Promise<Relay>((resolve, reject) => {
      server.once('connection', (socket) => void greet(socket).then(resolve, reject));
      timer = setTimeout(
        () => reject(new UserError(`The terminal did not start within ${terminalStartMillis / 1000} seconds. ${otherConsole}`)),
        terminalStartMillis,
      );
    });
    const [relay] = await Promise.all([
      connected,
      runInTerminal({
        kind: kind === 'externalTerminal' ? 'external' : 'integrated',
        title: basename(program),
        cwd: process.cwd(),
        args: [...adapterCommand, '--terminal', path],
        // Where the adapter runs on VS Code's own Electron, the relay must be started as plain Node too.
        env: { ELECTRON_RUN_AS_NODE: '1' },
      }).catch((error: Error) => {
        throw new UserError(`The client could not open a terminal: ${error.message} ${otherConsole}`);
      }),
    ]);
    return relay;
  } finally {
    clearTimeout(timer);
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const otherConsole = 'Set "console" to "internalConsole" to see the program in the debug console.';

/** Resolves with the relay's first frame, the size of its terminal. */
function greet(socket: Socket): Promise<Relay> {
  const reader = new FrameReader();
  return new Promise((resolve, reject) => {
    let handle: ((frame: ReturnType<FrameReader['add']>[number]) => void) | undefined;
    const early: ReturnType<FrameReader['add']> = [];
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const frame of reader.add(bytes)) {
          if (handle) {
            handle(frame);
          } else if (frame.kind === 'size') {
            resolve({
              socket,
              rows: frame.rows,
              columns: frame.columns,
              onFrame: (next) => {
                handle = next;
                early.splice(0).forEach(next);
              },
            });
          } else {
            early.push(frame);
          }
        }
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => reject(new UserError(`The terminal was closed before the program started. ${otherConsole}`)));
  });
}

/** Sets modes of the terminal `path`; without them it works, but echoes. */
async function configure(path: string, modes: string[]): Promise<void> {
  await promisify(execFile)('stty', ['-F', path, ...modes]).catch(() => undefined);
}
