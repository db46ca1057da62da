// Starts rollpoint-server and plain gdb, and collects what both say.
// Knows nothing of the server's inside: only its command line and its output.
import { config } from 'chai';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

// What gdb and the server printed is all there is to go by when a test fails.
config.truncateThreshold = 0;

const here = import.meta.dirname;
export const serverProgram = join(here, '..', '..', 'dist', 'rollpoint-server.js');
const source = join(here, 'shapes.cpp');

let folder: string | null = null;
let built: string | null = null;

/** Milliseconds, far beyond what any step takes: a hang is to fail with what was printed, not by mocha's limit. */
const patienceMillis = 90_000;

/** A folder of this test run; removed by `cleanUp`. */
export function scratch(): string {
  folder ??= mkdtempSync(join(tmpdir(), 'rs-'));
  return folder;
}

export function cleanUp(): void {
  if (folder) rmSync(folder, { recursive: true, force: true });
  folder = null;
  built = null;
}

/** The debuggee, compiled once a run. */
export function shapes(): string {
  if (!built) {
    built = join(scratch(), 'shapes');
    execFileSync('g++', ['-g', '-O0', '-std=c++17', '-pthread', source, '-o', built]);
  }
  return built;
}

/** `shapes.cpp:21` for the one line with this marker. */
export function at(marker: string): string {
  const lines = readFileSync(source, 'utf8').split('\n');
  const found = lines.flatMap((line, index) => (new RegExp(`//.*@${marker}(?!\\w)`).test(line) ? [index + 1] : []));
  if (found.length !== 1) throw new Error(`${found.length} lines have @${marker}`);
  return `shapes.cpp:${found[0]}`;
}

export class Server {
  output = '';
  readonly exited: Promise<number | null>;
  private readonly child: ChildProcess;
  private watchers: (() => void)[] = [];

  constructor(args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
    this.child = spawn(process.execPath, [serverProgram, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    const collect = (data: Buffer): void => {
      this.output += data.toString();
      for (const watcher of this.watchers) watcher();
    };
    this.child.stdout?.on('data', collect);
    this.child.stderr?.on('data', collect);
    this.exited = new Promise((resolve) => this.child.once('exit', (code) => resolve(code)));
    // Watchers learn of the end as well; what they wait for will not come any more.
    void this.exited.then(() => this.watchers.forEach((watcher) => watcher()));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Rejects when the server ends first. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`The server does not say ${pattern}:\n${this.output}`)), patienceMillis);
      const look = (): void => {
        const match = pattern.exec(this.output);
        if (match) resolve(match);
        else if (this.child.exitCode !== null || this.child.signalCode !== null) reject(new Error(`The server ended:\n${this.output}`));
        else return;
        clearTimeout(late);
        this.watchers = this.watchers.filter((watcher) => watcher !== look);
      };
      this.watchers.push(look);
      look();
    });
  }

  async port(): Promise<string> {
    return (await this.waitFor(/Listening on port (\d+)/))[1] ?? '';
  }

  end(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    return this.exited;
  }
}

/** gdb writes a line piece by piece, and what the server says to stderr: joined as it comes, that would stand within lines. */
export function eachLine(child: { stdout: Readable; stderr: Readable }, take: (line: string) => void): void {
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', (line) => take(`${line}\n`));
}

/** Runs `gdb -batch` with the commands; what it prints, stderr included. */
export async function gdb(commands: string[], options: { program?: string | null; sysroot?: string } = {}): Promise<string> {
  const words = [
    `set sysroot ${options.sysroot ?? '/'}`,
    'set debuginfod enabled off',
    'set width 0',
    'set height 0',
    'set confirm off',
    'set pagination off',
    ...commands,
  ].flatMap((command) => ['-ex', command]);
  const program = options.program === null ? [] : [options.program ?? shapes()];
  const child = spawn('gdb', ['-nx', '-batch', ...words, ...program], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  eachLine(child, (line) => (output += line));
  const late = setTimeout(() => {
    output += '\n(gdb was ended here: no sign of its end.)\n';
    child.kill('SIGKILL');
  }, patienceMillis);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(late);
  return output;
}

/** A server on a free port with the program, one gdb, and the end of both. */
export async function debug(args: string[], commands: string[], options: { server?: string[] } = {}): Promise<{ gdb: string; server: string; code: number | null }> {
  const server = new Server(['--once', ...(options.server ?? []), ':0', shapes(), ...args]);
  try {
    const output = await gdb([`target remote :${await server.port()}`, ...commands]);
    return { gdb: output, server: server.output, code: await server.exited };
  } finally {
    await server.end();
  }
}
