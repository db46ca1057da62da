// `npm run bench`: what snapshots and rollbacks cost, as ratios within one run: against fork() of the same program, against
// the floor of this machine, and against gdb's own checkpoint and restart. Prints; judges nothing.
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { debuggee } from '../support/debuggees';
import { Rig } from '../support/native';
import { packetCosts } from './packets';
import { peekCosts } from './peek';

const mebibytes = Number(process.env['ROLLPOINT_BENCH_MIB'] ?? 512);
const percent = 1;
const rounds = Number(process.env['ROLLPOINT_BENCH_ROUNDS'] ?? 15);
const launches = 5;

const run = promisify(execFile);
const output = join(import.meta.dirname, '../output/bench');

interface Floor {
  stops: number;
  scan: number;
  read: number;
  write: number;
  capture: number;
  rollback: number;
}

interface Measured {
  fork: number;
  first: number;
  /** Arming the write tracking, after the first snapshot's pause and before the program runs again. */
  settle: number;
  later: number;
  rollback: number;
  /** Likewise after a rollback, which it follows on another processor. */
  rearm: number;
  pages: number;
}

const median = (values: number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
};

const arguments_ = (threads: number, steps: number): string[] => [mebibytes, percent, threads, steps].map(String);

/** µs, as the program measures it without a debugger. */
async function fork(threads: number): Promise<number> {
  const { stdout } = await run(debuggee('heap512').program, arguments_(threads, 1));
  return Number(/fork (\d+) us/.exec(stdout)?.[1]);
}

function buildFloor(): string {
  const program = join(output, 'floor');
  mkdirSync(output, { recursive: true });
  execFileSync('g++', ['-std=c++20', '-O2', '-pthread', '-o', program, join(import.meta.dirname, 'floor.cpp')]);
  return program;
}

async function floor(program: string, threads: number): Promise<Floor | null> {
  try {
    const { stdout } = await run(program, arguments_(threads, rounds));
    return JSON.parse(stdout) as Floor;
  } catch (error) {
    console.log(`floor: cannot be measured here (${(error as { stderr?: string }).stderr?.trim()})`);
    return null;
  }
}

/** One launch: the first snapshot, later ones each after a step, and rollbacks each after a step. */
async function session(threads: number, full: boolean): Promise<{ first: number; settle: number; later: number[]; rollback: number[]; rearm: number[]; pages: number[] }> {
  const rig = await Rig.launch('heap512', arguments_(threads, 1000));
  try {
    await rig.breakAt('at_step');
    let stop = await rig.continue();
    const step = async (): Promise<number> => {
      stop = await rig.continue();
      if (stop.type !== 'stopped') throw new Error(`heap512 ended early: ${JSON.stringify(stop)}`);
      return stop.tid;
    };
    const capture = (tid: number) => rig.core.capture({ tid, files: 'keep' });
    if (stop.type !== 'stopped') throw new Error('heap512 ended early.');
    const { pauseMicros: first } = await capture(stop.tid);
    // Done before the program runs again: no part of the pause at a stop, but of one that goes on at once.
    const { settleMicros: settle } = await rig.core.stats();
    const later: number[] = [];
    const rollback: number[] = [];
    const rearm: number[] = [];
    const pages: number[] = [];
    for (let round = 0; full && round < rounds; round++) {
      const result = await capture(await step());
      later.push(result.pauseMicros);
      pages.push(result.pages);
      await step();
      rollback.push((await rig.core.rollback(result.id)).micros);
      rearm.push((await rig.core.stats()).settleMicros);
    }
    return { first, settle, later, rollback, rearm, pages };
  } finally {
    await rig.dispose();
  }
}

/** fork() is measured between our launches, so that both see the same load of the machine. */
async function rollpoint(threads: number): Promise<Measured> {
  const forks: number[] = [];
  const firsts: number[] = [];
  const settles: number[] = [];
  for (let launch = 1; launch < launches; launch++) {
    forks.push(await fork(threads));
    const short = await session(threads, false);
    firsts.push(short.first);
    settles.push(short.settle);
  }
  forks.push(await fork(threads));
  const { first, settle, later, rollback, rearm, pages } = await session(threads, true);
  return {
    fork: median(forks),
    first: median([...firsts, first]),
    settle: median([...settles, settle]),
    later: median(later),
    rollback: median(rollback),
    rearm: median(rearm),
    pages: median(pages),
  };
}

/** µs of gdb's `checkpoint` and `restart`, or in words why it has none. */
async function gdb(threads: number): Promise<{ checkpoint: number; restart: number } | string> {
  const timed = (name: string, command: string): string =>
    `python t=time.monotonic(); gdb.execute("${command}"); print("${name} %d us" % ((time.monotonic()-t)*1e6))`;
  const commands = [
    'python import time',
    'set pagination off',
    'break at_step',
    'run',
    ...Array.from({ length: 5 }, (_, index) => [timed('checkpoint', 'checkpoint'), 'continue', timed('restart', `restart ${index + 1}`)]).flat(),
    'kill',
  ];
  const { stdout, stderr } = await run(
    'gdb',
    ['-nx', '-batch', ...commands.flatMap((command) => ['-ex', command]), '--args', debuggee('heap512').program, ...arguments_(threads, 1000)],
    { maxBuffer: 1 << 26 },
  ).catch((error: { stdout: string; stderr: string }) => error);
  const values = (name: string): number[] => [...stdout.matchAll(new RegExp(`^${name} (\\d+) us`, 'gm'))].map((match) => Number(match[1]));
  const [checkpoint, restart] = [values('checkpoint'), values('restart')];
  if (checkpoint.length > 0 && restart.length > 0) return { checkpoint: median(checkpoint), restart: median(restart) };
  return /thread/i.test(stderr) ? 'refused: more than one thread' : (stderr.trim().split('\n').at(-1) ?? 'nothing');
}

const ms = (micros: number): string => `${(micros / 1000).toFixed(2)} ms`;
const row = (what: string, micros: number, ...ratios: [string, number | undefined][]): void => {
  const compared = ratios
    .filter((ratio): ratio is [string, number] => ratio[1] !== undefined)
    .map(([name, base]) => `${(micros / base).toFixed(2)} × ${name}`);
  console.log(`  ${what.padEnd(18)} ${ms(micros).padStart(11)}   ${compared.map((text) => text.padEnd(20)).join('')}`.trimEnd());
};

async function main(): Promise<void> {
  const floorProgram = buildFloor();
  console.log(`${mebibytes} MiB, ${percent} % of its pages dirtied between snapshots, Linux ${release()}; medians, ratios of this run`);
  for (const threads of [1, 8]) {
    console.log(`\n${threads} thread${threads > 1 ? 's' : ''}`);
    const least = await floor(floorProgram, threads);
    const ours = await rollpoint(threads);
    const forked = ours.fork;
    const theirs = await gdb(threads);
    const gdbs = typeof theirs === 'string' ? undefined : theirs;
    row('fork()', forked);
    if (least) {
      row('floor, snapshot', least.capture, ['fork', forked]);
      row('floor, rollback', least.rollback, ['fork', forked]);
    }
    row('first snapshot', ours.first, ['fork', forked], ['gdb checkpoint', gdbs?.checkpoint]);
    row('  arming after it', ours.settle, ['fork', forked]);
    row('later snapshot', ours.later, ['fork', forked], ['floor', least?.capture], ['gdb checkpoint', gdbs?.checkpoint]);
    row('rollback', ours.rollback, ['fork', forked], ['floor', least?.rollback], ['gdb restart', gdbs?.restart]);
    row('  arming after it', ours.rearm, ['fork', forked]);
    console.log(`  pages a snapshot   ${String(ours.pages).padStart(8)}`);
    if (gdbs) {
      row('gdb checkpoint', gdbs.checkpoint, ['fork', forked]);
      row('gdb restart', gdbs.restart, ['fork', forked]);
    } else console.log(`  gdb checkpoint     ${theirs as string}`);
  }
  const packets = await packetCosts(output);
  console.log('\na packet of the remote protocol');
  for (const name of ['memory', 'registers', 'threads', 'step'] as const) row(name, packets.ours[name], ['gdbserver', packets.gdbserver[name]]);
  const looks = await peekCosts();
  console.log('\na look at a snapshot: eleven threads, their stacks and locals');
  row('plain gdb stop', looks.stop);
  row('peek', looks.peek, ['plain gdb stop', looks.stop]);
  row('history', looks.history, ['plain gdb stop', looks.stop]);
  console.log(`  (history: one of ${looks.snapshots} snapshots; all of them ${ms(looks.history * looks.snapshots)})`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
