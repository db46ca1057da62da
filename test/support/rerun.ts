// A program of the system under the debugger, run from the middle to its end again and again: what it leaves behind must
// be the same each time. Must not know any program.
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { SnapshotInfo } from '../../adapter/protocol';
import type { DapClient, ThreadStop } from './dapClient';
import type { Sessions } from './sessions';

export interface Program {
  program: string;
  args: string[];
  env?: Record<string, string>;
  followFork?: 'child';
  /** Function at which the snapshot is taken, at the first hit for which `isThere` says so; default: the first. */
  at: string;
  isThere?: (hit: number) => boolean;
  /** Files, by the end of their path below the folder, that cannot be the same twice (they hold times or inodes). */
  except?: RegExp;
}

/** What a run leaves: compared as a whole. */
export interface Result {
  output: string;
  code: number;
  /** Path below the folder → mode, size and digest of the content. */
  files: Record<string, string>;
}

export function filesBelow(folder: string, except?: RegExp): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = names.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name)).sort();
  const lines = paths.map((path): [string, string] => {
    const name = path.slice(folder.length + 1);
    const { mode, size } = statSync(path, { throwIfNoEntry: false }) ?? { mode: 0, size: 0 };
    const content = (mode & 0o170000) === 0o100000 ? createHash('sha256').update(readFileSync(path)).digest('hex') : linkOf(path);
    return [name, `${mode.toString(8)} ${size} ${content}`];
  });
  return Object.fromEntries(lines.filter(([name]) => !except?.test(name)));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return 'neither a file nor a link';
  }
}

/** One program in one session, in a folder of its own. */
export class Rerun {
  readonly folder: string;
  client!: DapClient;
  snapshot!: SnapshotInfo;
  private stop!: ThreadStop;
  private except: RegExp | undefined;

  /** `base`: where its folder is made. */
  constructor(
    private readonly sessions: Sessions,
    base = tmpdir(),
  ) {
    this.folder = mkdtempSync(join(base, 'rollpoint-rerun-'));
  }

  /** To the middle, with a snapshot there, and on to a breakpoint at the end that the C library offers. */
  async toTheMiddle({ program, args, env, followFork, at, isThere = () => true, except }: Program): Promise<void> {
    this.except = except;
    this.client = this.sessions.connect();
    // Programs that know their children by number need the same ones again, however busy the machine is.
    const pidNamespace = process.getuid!() !== 0;
    await this.client.launch({ program, args, env, followFork, pidNamespace, cwd: this.folder, snapshots: { auto: 'off' } });
    await this.client.request('setFunctionBreakpoints', { breakpoints: [{ name: at }] });
    await this.client.configurationDone();
    this.stop = await this.client.stopped('function breakpoint');
    for (let hit = 1; !isThere(hit); ++hit) {
      await this.client.request('continue', { threadId: this.stop.threadId });
      this.stop = await this.client.stopped('function breakpoint');
    }
    this.snapshot = (await this.client.request<{ snapshot: SnapshotInfo }>('rollpoint/takeSnapshot', { label: 'middle' })).snapshot;
    await this.client.request('setFunctionBreakpoints', { breakpoints: [{ name: '_exit' }] });
  }

  /** Runs from where it stands to its end, where it still lives. `lastOutput`: by that its output is known to be whole. */
  async toTheEnd(lastOutput: RegExp): Promise<Result> {
    const begin = this.client.output('stdout').length;
    do {
      await this.client.request('continue', { threadId: this.stop.threadId });
      this.stop = await this.client.stopped();
    } while (this.stop.reason === 'exit');  // a child that was followed is held at its end
    expect(this.stop.reason).to.equal('function breakpoint');
    const written = () => this.client.output('stdout').slice(begin);
    while (!lastOutput.test(written())) {
      await this.client.event('output');
    }
    const code = Number(await this.client.evaluate('$edi', this.stop.threadId));
    return { output: written(), code, files: filesBelow(this.folder, this.except) };
  }

  async back(): Promise<void> {
    await this.client.request('rollpoint/restoreSnapshot', { id: this.snapshot.id });
    this.stop = await this.client.stopped('goto');
    expect(this.stop.description).to.equal(`Restored snapshot ${this.snapshot.id}`);
  }

  /** From the middle to the end and back, `turns` times after the first, then over the end. Gives what each left. */
  async again(turns: number, lastOutput: RegExp): Promise<Result> {
    const before = filesBelow(this.folder, this.except);
    const first = await this.toTheEnd(lastOutput);
    for (let turn = 1; turn <= turns; ++turn) {
      await this.back();
      expect(filesBelow(this.folder, this.except), `files after rollback ${turn}`).to.deep.equal(before);
      expect(await this.toTheEnd(lastOutput), `run ${turn}: ${this.client.output('stderr')}`).to.deep.equal(first);
    }
    await this.over(first.code);
    return first;
  }

  /** It stands at its end, and is let end. */
  async over(code: number): Promise<void> {
    await this.client.request('setFunctionBreakpoints', { breakpoints: [] });
    expect(await this.overTheEnd()).to.equal(code);
  }

  /** While snapshots exist the program stands at its end once more before it goes. */
  private async overTheEnd(): Promise<number> {
    const exited = this.client.event<{ exitCode: number }>('exited');
    await this.client.request('continue', { threadId: this.stop.threadId });
    const held = this.client.stopped().then(async (stop) => {
      await this.client.request('continue', { threadId: stop.threadId });
      return exited;
    });
    held.catch(() => undefined);
    return (await Promise.race([exited, held])).exitCode;
  }

  /** Warnings of the snapshot and everything that the console said. */
  story(): string {
    return [...this.snapshot.warnings.map(({ message }) => message), this.client.output('console')].join('\n');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
