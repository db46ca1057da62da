// Puts one breakpoint, watchpoint or catchpoint into gdb, with its condition, hit condition and log message.
// Must not know which breakpoints there are.
import { UserError } from '../errors';
import type { Gdb } from './backend';
import { type HitCondition, type LogPart, parseHitCondition, parseLogMessage } from './hitCondition';
import { type MiBreakpoint, quote } from './mi';
import type { BreakpointKind } from './stopReason';

export type Where =
  | { path: string; line: number }
  | { function: string }
  | { address: string }
  | { watch: WatchTarget; access: 'read' | 'write' | 'readWrite' }
  | { catch: 'throw' | 'catch' };

/** Memory to watch, so that it can be watched again in any frame. */
export interface WatchTarget {
  address: string;
  bytes: number;
  /** As gdb writes it; so that old and new value are shown as the user knows them. */
  type?: string;
  language?: string;
}

export interface Spec {
  kind: BreakpointKind;
  where: Where;
  condition?: string;
  hitCondition?: string;
  logMessage?: string;
  /** For the user, where the breakpoint has no place in a source. */
  label?: string;
}

export type InsertedBreakpoint = MiBreakpoint;

/** When a breakpoint that is reached stops, as `rollpoint_breakpoints.configure` takes it. */
export interface Stopping {
  condition?: string;
  hit?: HitCondition;
  log?: LogPart[];
}

/** gdb takes any address, and then cannot resume. */
export class NoMemoryError extends UserError {
  constructor(readonly address: string) {
    super(`There is no memory at ${address}.`, false);
  }
}

/** Throws UserError, with words to show beside the breakpoint. */
export function stoppingOf(gdb: Gdb, spec: Spec): Stopping {
  const hit = spec.hitCondition?.trim() ? parseHitCondition(spec.hitCondition) : undefined;
  if (hit === null) {
    throw new UserError(`"${spec.hitCondition}" is not a hit condition: write a number, or one after >=, >, <=, <, = or %.`);
  }
  const log = spec.logMessage === undefined ? undefined : parseLogMessage(spec.logMessage);
  if ((hit || log) && !gdb.hasPython) {
    throw new UserError('Log points and hit conditions need a gdb with Python: install the package "gdb" instead of "gdb-minimal".');
  }
  const condition = spec.condition?.trim() || undefined;
  return { ...(condition && { condition }), ...(hit && { hit }), ...(log && { log }) };
}

/** Throws UserError or GdbError, with words to show beside the breakpoint; NoMemoryError where it may have its place later. */
export async function insert(gdb: Gdb, spec: Spec): Promise<InsertedBreakpoint> {
  const stopping = stoppingOf(gdb, spec);
  const breakpoint = await insertAt(gdb, spec.where, stopping.condition);
  if (stopping.hit || stopping.log) {
    const hex = Buffer.from(JSON.stringify(stopping)).toString('hex');
    try {
      await gdb.console(`python rollpoint_breakpoints.configure(${breakpoint.number}, bytes.fromhex('${hex}').decode())`);
      await gdb.command(`-break-condition ${breakpoint.number} $_rollpoint_hit(${breakpoint.number})`);
    } catch (error) {
      await gdb.command(`-break-delete ${breakpoint.number}`);
      throw error;
    }
  }
  return breakpoint;
}

async function insertAt(gdb: Gdb, where: Where, condition: string | undefined): Promise<MiBreakpoint> {
  if ('catch' in where) {
    return numbered(await gdb.console(`catch ${where.catch}`), condition, gdb);
  }
  if ('watch' in where) {
    return numbered(await watch(gdb, where.watch, where.access), condition, gdb);
  }
  if ('address' in where) {
    await requireMemory(gdb, where.address);
  }
  const option = condition === undefined ? '' : ` -c ${quote(condition)}`;
  const { bkpt } = await gdb.command<{ bkpt: MiBreakpoint | MiBreakpoint[] }>(`-break-insert -f${option} ${locationOf(where)}`);
  return Array.isArray(bkpt) ? bkpt[0]! : bkpt;
}

async function requireMemory(gdb: Gdb, address: string): Promise<void> {
  try {
    await gdb.command(`-data-read-memory-bytes ${address} 1`);
  } catch {
    throw new NoMemoryError(address);
  }
}

function locationOf(where: { path: string; line: number } | { function: string } | { address: string }): string {
  if ('path' in where) {
    return `--source ${quote(where.path)} --line ${where.line}`;
  }
  return 'function' in where ? quote(where.function) : quote(`*${where.address}`);
}

/** Catchpoints and watchpoints on memory are console commands; their number stands in what they print. */
async function numbered(output: string, condition: string | undefined, gdb: Gdb): Promise<MiBreakpoint> {
  const number = /\b(?:[Cc]atchpoint|[Ww]atchpoint) (\d+)/.exec(output)?.[1];
  if (!number) {
    throw new UserError(`gdb did not set it: ${output.trim()}`);
  }
  if (condition !== undefined) {
    await gdb.command(`-break-condition ${number} ${condition}`);
  }
  return { number };
}

async function watch(gdb: Gdb, target: WatchTarget, access: 'read' | 'write' | 'readWrite'): Promise<string> {
  // x86-64 has no watchpoint for reads alone.
  const command = access === 'write' ? 'watch' : 'awatch';
  const typed = target.type && `*(${target.type} *) ${target.address}`;
  if (typed && target.language && /^c(\+\+)?$/.test(target.language)) {
    try {
      return await inLanguage(gdb, target.language, () => gdb.console(`${command} -l ${typed}`));
    } catch {
      // The type has a name that gdb cannot parse: watch the bytes.
    }
  }
  const integer = { 1: 'char', 2: 'short', 4: 'int', 8: 'long long' }[target.bytes];
  const plain = integer ? `*(${integer} *) ${target.address}` : `*(char (*)[${target.bytes}]) ${target.address}`;
  return inLanguage(gdb, 'c', () => gdb.console(`${command} -l ${plain}`));
}

async function inLanguage<T>(gdb: Gdb, language: string, work: () => Promise<T>): Promise<T> {
  await gdb.command(`-gdb-set language ${language}`);
  try {
    return await work();
  } finally {
    await gdb.command('-gdb-set language auto');
  }
}
