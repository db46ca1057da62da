// Finds gdb, asks its version and starts it: the process manager that cdt-gdb-adapter's backend expects.
// Must not know what is said to gdb afterwards.
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import type { IGDBProcessManager, IStdioProcess } from 'cdt-gdb-adapter/dist/types/gdb';
import { messageOf, UserError } from '../errors';

const oldestMajor = 10;

export interface GdbLocation {
  /** Absolute. */
  path: string;
  /** `13.1` */
  version: string;
}

const install = 'Install it (Debian, Ubuntu: "sudo apt install gdb"; Fedora: "sudo dnf install gdb"), or set "gdb" in the launch configuration to its path.';

/** Throws UserError when gdb is missing, cannot be run, or is too old. */
export async function locateGdb(configured: string | undefined): Promise<GdbLocation> {
  const path = await find(configured);
  const text = await versionText(path);
  const version = parseGdbVersion(text);
  if (!version) {
    const said = text.trim().split('\n', 1)[0];
    throw new UserError(`"${path}" is not gdb: it does not tell a gdb version${said ? ` but "${said}"` : ''}. Set "gdb" in the launch configuration to the path of gdb.`);
  }
  if (Number.parseInt(version, 10) < oldestMajor) {
    throw new UserError(
      `gdb ${version} (${path}) is too old: Rollpoint needs gdb ${oldestMajor} or later. Install a newer one, or set "gdb" in the launch configuration to its path.`,
    );
  }
  return { path, version };
}

async function find(configured: string | undefined): Promise<string> {
  const name = configured?.trim() || 'gdb';
  const candidates = name.includes('/')
    ? [isAbsolute(name) ? name : resolve(name)]
    : (process.env.PATH ?? '').split(delimiter).filter(Boolean).map((folder) => join(folder, name));
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      continue;
    }
  }
  throw new UserError(
    configured
      ? `gdb was not found at "${configured}", or it cannot be run. Correct "gdb" in the launch configuration.`
      : `gdb was not found on PATH. ${install}`,
  );
}

function versionText(path: string): Promise<string> {
  return new Promise((done, fail) => {
    execFile(path, ['-nx', '--version'], { timeout: 15_000 }, (error, stdout) => {
      if (error) {
        fail(new UserError(`gdb (${path}) cannot be run: ${messageOf(error)}. ${install}`));
      } else {
        done(stdout);
      }
    });
  });
}

/** `13.1` of `GNU gdb (Debian 13.1-3) 13.1`, whatever gdb says before that. */
export function parseGdbVersion(output: string): string | undefined {
  for (const line of output.split('\n')) {
    const version = /\bgdb\b/i.test(line) && /\b(\d+\.\d+(?:\.\d+)?)/.exec(line.replace(/\([^)]*\)/g, ' '));
    if (version) return version[1];
  }
  return undefined;
}

export class GdbProcess implements IGDBProcessManager {
  private child: ChildProcessWithoutNullStreams | undefined;
  private stopped = false;

  constructor(private readonly location: GdbLocation) {}

  getVersion(): Promise<string> {
    return Promise.resolve(this.location.version);
  }

  start(): Promise<IStdioProcess> {
    if (this.stopped) {
      return Promise.reject(new UserError('The session was ended before gdb started.', false));
    }
    // MI c-strings are decoded as UTF-8 whatever the locale of the desktop is.
    const env: NodeJS.ProcessEnv = { ...process.env, LC_ALL: 'C.UTF-8', TERM: 'dumb' };
    // For the parent's Node or Electron alone; gdb's Python and the debuggee must not see it.
    delete env.ELECTRON_RUN_AS_NODE;
    const child = spawn(this.location.path, ['-nx', '-q', '--interpreter=mi3'], { env });
    this.child = child;
    // A write to a gdb that has just ended fails with EPIPE; the command's own callback tells of it.
    child.stdin.on('error', () => undefined);
    return new Promise((done, fail) => {
      child.once('error', (error) => fail(new UserError(`gdb (${this.location.path}) cannot be started: ${messageOf(error)}. ${install}`)));
      child.once('spawn', () => done(Object.assign(child, { getPID: () => child.pid })));
    });
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.stopped = true;
    const { child } = this;
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    await new Promise<void>((done) => {
      child.once('exit', () => done());
      child.kill('SIGKILL');
    });
  }
}
