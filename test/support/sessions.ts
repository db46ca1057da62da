// Debug sessions of one test: started by what they debug, ended after it, with nothing left behind.
// Must not know what a test expects of them.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { SnapshotList } from '../../adapter/protocol';
import { DapClient, patienceMillis, type ThreadStop } from './dapClient';
import { type Debuggee, debuggee } from './debuggees';

export interface Session {
  client: DapClient;
  debuggee: Debuggee;
  /** Sets one breakpoint at a marker and runs to it. */
  runTo(marker: string): Promise<ThreadStop>;
  /** Resumes and gives the next stop. */
  resume(command?: string, args?: object): Promise<ThreadStop>;
  /** Line of the top frame minus the line of the marker: 0 when it stands there. */
  standsAt(marker: string, stop: ThreadStop): Promise<void>;
}

export const list = (client: DapClient): Promise<SnapshotList> => client.request<SnapshotList>('rollpoint/listSnapshots');

export class Sessions {
  private readonly clients: DapClient[] = [];
  private readonly folders: string[] = [];

  /** A folder of the test's own. */
  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'rollpoint-test-'));
    this.folders.push(folder);
    return folder;
  }

  connect(options: ConstructorParameters<typeof DapClient>[0] = {}): DapClient {
    const client = new DapClient(options);
    this.clients.push(client);
    return client;
  }

  /** Launched up to where breakpoints can be set. */
  async launch(name: string, args: string[] = [], more: object = {}, env: NodeJS.ProcessEnv = {}): Promise<Session> {
    const client = this.connect({ env });
    const target = debuggee(name);
    await client.launch({ program: target.program, args, snapshots: { auto: 'off' }, ...more });
    let configured = false;
    let stopped: ThreadStop | undefined;
    const session: Session = {
      client,
      debuggee: target,
      runTo: async (marker) => {
        await client.setBreakpoints(target.source, [{ line: target.line(marker) }]);
        if (!configured) {
          configured = true;
          await client.configurationDone();
        } else {
          await client.request('continue', { threadId: stopped?.threadId ?? 1 });
        }
        stopped = await client.stopped();
        return stopped;
      },
      resume: async (command = 'continue', args = {}) => {
        await client.request(command, { threadId: stopped?.threadId ?? 1, ...args });
        stopped = await client.stopped();
        return stopped;
      },
      standsAt: async (marker, stop) => {
        const place = await client.top(stop.threadId);
        if (place.line !== target.line(marker)) {
          throw new Error(`Stands in ${place.name} at line ${place.line}, not at ${marker} (line ${target.line(marker)}).`);
        }
      },
    };
    return session;
  }

  /** For afterEach: every adapter ends by itself, and leaves no process and no file. */
  async end(): Promise<void> {
    const clients = this.clients.splice(0);
    const children = clients.flatMap((client) => descendants(client.pid));
    try {
      for (const client of clients) {
        await client.close();
      }
    } finally {
      for (const folder of this.folders.splice(0)) rmSync(folder, { recursive: true, force: true });
    }
    // Who is ended from outside, or ends the session by force, is followed by gdb a moment later.
    const limit = Date.now() + patienceMillis;
    const living = (): ChildProcess[] => children.filter(({ pid, start }) => startOf(pid) === start);
    let alive = living();
    for (; alive.length > 0 && Date.now() < limit; alive = living()) await setTimeout(20);
    if (alive.length > 0) {
      throw new Error(`Left behind: ${alive.map(({ pid, command }) => `${pid} ${command}`).join(', ')}`);
    }
  }
}

/** Folders of sockets that adapters of this user have left. */
export function socketFolders(): string[] {
  return readdirSync(tmpdir()).filter((name) => /^rollpoint-(terminal-)?\w{6}$/.test(name));
}

interface ChildProcess {
  pid: number;
  start: string;
  command: string;
}

function descendants(pid: number): ChildProcess[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = statOf(Number(name));
      return stat ? [{ pid: Number(name), ...stat }] : [];
    });
  const found: ChildProcess[] = [];
  for (let parents = [pid]; parents.length > 0; ) {
    const next = all.filter(({ parent }) => parents.includes(parent));
    found.push(...next);
    parents = next.map((each) => each.pid);
  }
  return found;
}

function startOf(pid: number): string | undefined {
  const stat = statOf(pid);
  return stat && stat.state !== 'Z' ? stat.start : undefined;
}

function statOf(pid: number): { parent: number; state: string; start: string; command: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0]!, parent: Number(fields[1]), start: fields[19]!, command: /\((.*)\)/.exec(text)?.[1] ?? '' };
  } catch {
    return undefined;
  }
}
