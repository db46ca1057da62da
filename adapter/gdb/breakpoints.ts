// All breakpoints that the client set: what is new goes to gdb, what is gone is deleted, the rest stays as it is.
// Must not know DAP requests, or whether the debuggee runs.
import { messageOf } from '../errors';
import { AwaitedBreakpoints } from './awaitedBreakpoints';
import type { Gdb, Placed } from './backend';
import { insert, type InsertedBreakpoint, NoMemoryError, type Spec, stoppingOf } from './breakpointInsert';
import type { MiBreakpoint } from './mi';
import type { BreakpointKind } from './stopReason';

export interface BreakpointState {
  id: number;
  verified: boolean;
  message?: string;
  path?: string;
  line?: number;
  instructionReference?: string;
}

interface Entry {
  id: number;
  key: string;
  spec: Spec;
  /** gdb's number; undefined where gdb refused it. */
  number: string | undefined;
  /** gdb sets it as soon as its address has memory. */
  awaited?: boolean;
  state: BreakpointState;
}

export class Breakpoints {
  private readonly groups = new Map<string, Entry[]>();
  private readonly awaited: AwaitedBreakpoints;
  private nextId = 1;

  constructor(
    private readonly gdb: Gdb,
    private readonly changed: (reason: 'changed' | 'removed', state: BreakpointState) => void,
  ) {
    this.awaited = new AwaitedBreakpoints(gdb);
  }

  /** True when `set` would have to talk to gdb. */
  differs(group: string, specs: Spec[]): boolean {
    const keys = (this.groups.get(group) ?? []).filter((entry) => entry.number !== undefined).map((entry) => entry.key);
    const wanted = keysOf(specs);
    return keys.length !== wanted.length || wanted.some((key) => !keys.includes(key));
  }

  /** Makes `specs` the breakpoints of `group`. One that gdb refuses is not verified, and says why. */
  async set(group: string, specs: Spec[]): Promise<BreakpointState[]> {
    const before = this.groups.get(group) ?? [];
    const keys = keysOf(specs);
    for (const entry of before) {
      if (!keys.includes(entry.key) || entry.number === undefined) {
        await this.remove(entry);
      }
    }
    const entries: Entry[] = [];
    // In the map at once, so that what gdb tells of a breakpoint while others are set is not missed.
    this.groups.set(group, entries);
    for (const [index, spec] of specs.entries()) {
      const key = keys[index]!;
      const kept = before.find((entry) => entry.key === key && entry.number !== undefined);
      entries.push(kept ?? (await this.add(key, spec)));
    }
    return entries.map((entry) => entry.state);
  }

  private async add(key: string, spec: Spec): Promise<Entry> {
    const id = this.nextId++;
    try {
      const inserted = await insert(this.gdb, spec);
      return { id, key, spec, number: inserted.number, state: stateOf(id, spec, inserted) };
    } catch (error) {
      const awaited = error instanceof NoMemoryError && (await this.awaited.add(id, error.address, stoppingOf(this.gdb, spec)).catch(() => false));
      const message = awaited ? `${messageOf(error)} The breakpoint is set as soon as a library brings some.` : messageOf(error);
      return { id, key, spec, number: undefined, awaited, state: { id, verified: false, message, ...requested(spec) } };
    }
  }

  private async remove(entry: Entry): Promise<void> {
    const { number } = entry;
    entry.number = undefined;
    if (entry.awaited) {
      await this.awaited.drop(entry.id).catch(() => undefined);
    }
    if (number === undefined) {
      return;
    }
    // One that gdb dropped by itself is gone as wanted.
    await this.gdb.command(`-break-delete ${number}`).catch(() => undefined);
    if (this.gdb.hasPython && (entry.spec.hitCondition || entry.spec.logMessage !== undefined)) {
      await this.gdb.console(`python rollpoint_breakpoints.forget(${number})`).catch(() => undefined);
    }
  }

  byNumber(number: string): { id: number; kind: BreakpointKind; label?: string } | undefined {
    const entry = this.find(number);
    return entry && { id: entry.id, kind: entry.spec.kind, label: entry.spec.label };
  }

  /** `=breakpoint-modified`: a library came with its code, or the breakpoint moved. */
  onModified(breakpoint: MiBreakpoint): void {
    const entry = this.find(breakpoint.number);
    if (!entry) {
      return;
    }
    const state = stateOf(entry.id, entry.spec, breakpoint);
    const { verified, line, path } = entry.state;
    if (state.verified !== verified || state.line !== line || state.path !== path) {
      entry.state = state;
      this.changed('changed', state);
    }
  }

  /** One that was waited for. */
  onPlaced({ id, number, message }: Placed): void {
    const entry = this.entries().find((candidate) => candidate.id === id);
    if (!entry) {
      return;
    }
    entry.number = number;
    entry.awaited = false;
    entry.state = { id, verified: number !== undefined, ...(message === undefined ? {} : { message }), ...requested(entry.spec) };
    this.changed('changed', entry.state);
  }

  /** `=breakpoint-deleted`: by hand at gdb's prompt, or its scope is gone. */
  onDeleted(number: string): void {
    const entry = this.find(number);
    if (entry) {
      entry.number = undefined;
      entry.state = { ...entry.state, verified: false, message: 'Deleted in gdb.' };
      this.changed('changed', entry.state);
    }
  }

  private find(number: string): Entry | undefined {
    const whole = number.split('.')[0];
    return this.entries().find((entry) => entry.number === whole);
  }

  private entries(): Entry[] {
    return [...this.groups.values()].flat();
  }
}

function keysOf(specs: Spec[]): string[] {
  const seen = new Map<string, number>();
  return specs.map((spec) => {
    const key = JSON.stringify([spec.kind, spec.where, spec.condition, spec.hitCondition, spec.logMessage]);
    const times = seen.get(key) ?? 0;
    seen.set(key, times + 1);
    return `${key}#${times}`;
  });
}

function requested(spec: Spec): { path?: string; line?: number; instructionReference?: string } {
  return {
    ...('path' in spec.where ? { path: spec.where.path, line: spec.where.line } : {}),
    ...('address' in spec.where ? { instructionReference: spec.where.address } : {}),
  };
}

function stateOf(id: number, spec: Spec, breakpoint: InsertedBreakpoint): BreakpointState {
  const place = breakpoint.fullname !== undefined || breakpoint.line !== undefined ? breakpoint : breakpoint.locations?.[0];
  const pending = breakpoint.pending !== undefined || breakpoint.addr === '<PENDING>';
  const state: BreakpointState = { id, verified: !pending, ...requested(spec) };
  if (pending) {
    state.message = 'No code here yet: set as soon as a library that has it is loaded.';
    return state;
  }
  if (place?.line !== undefined && spec.kind === 'source') {
    state.line = Number(place.line);
  }
  if (spec.kind === 'function' && place?.fullname?.startsWith('/')) {
    state.path = place.fullname;
    state.line = Number(place.line);
  }
  return state;
}
