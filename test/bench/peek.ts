// What a look at a snapshot costs, in plain gdb on rollpoint-server, against a stop of plain gdb with the same things shown
// after it; and what the history of a value costs in a debug session.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DapClient } from '../support/dapClient';
import { debuggee } from '../support/debuggees';
import { Server } from '../server/support';

const run = promisify(execFile);
const stops = 20;
const snapshots = 500;

export interface PeekCosts {
  /** µs, medians. `stop` and `peek`: until threads, stack and locals are printed. */
  stop: number;
  peek: number;
  /** For one snapshot of many. */
  history: number;
  snapshots: number;
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/** Prints `NAME N us`: from before `command` until all that a debugger shows has been read anew. */
const timed = (name: string, command: string): string =>
  `python t=time.monotonic(); [gdb.execute(c, to_string=True) for c in ("${command}", "info threads", "backtrace", "info locals")]; print("${name} %d us" % ((time.monotonic()-t)*1e6))`;

async function gdb(commands: string[], program: string[]): Promise<number[]> {
  const all = ['python import time', 'set pagination off', 'set debuginfod enabled off', ...commands];
  const { stdout } = await run('gdb', ['-nx', '-batch', ...all.flatMap((command) => ['-ex', command]), ...program], { maxBuffer: 1 << 26 });
  return [...stdout.matchAll(/^timed (\d+) us/gm)].map((match) => Number(match[1]));
}

async function plainStop(): Promise<number> {
  const commands = ['break at_step', 'run', 'delete', ...Array.from({ length: stops }, () => timed('timed', 'stepi')), 'kill'];
  return median(await gdb(commands, ['--args', debuggee('threads10').program, '50']));
}

async function peek(): Promise<number> {
  const { program } = debuggee('threads10');
  const server = new Server(['--once', ':0', program, '50']);
  try {
    const takes = Array.from({ length: 5 }, () => ['continue', 'monitor snapshot']).flat();
    const looks = Array.from({ length: stops }, (_, index) => [`monitor peek ${(index % 5) + 1}`, timed('timed', 'continue')]).flat();
    return median(await gdb(['set sysroot /', 'set dcache line-size 4096', `target remote :${await server.port()}`, 'break at_step', ...takes, 'delete', ...looks, 'kill'], [program]));
  } finally {
    await server.end();
  }
}

async function history(): Promise<number> {
  const client = new DapClient();
  try {
    const target = debuggee('counter');
    const { program, source } = target;
    await client.launch({ program, args: [String(snapshots + 1)] });
    await client.setBreakpoints(source, [{ line: target.line('@tick') }]);
    await client.configurationDone();
    const { threadId } = await client.stopped();
    for (let taken = 1; taken < snapshots; taken++) {
      await client.request('continue', { threadId });
      await client.stopped();
    }
    const begin = performance.now();
    const { points } = await client.request<{ points: object[] }>('rollpoint/valueHistory', { expression: 'ticks' });
    return ((performance.now() - begin) * 1000) / points.length;
  } finally {
    await client.close();
  }
}

export async function peekCosts(): Promise<PeekCosts> {
  return { stop: await plainStop(), peek: await peek(), history: await history(), snapshots };
}
