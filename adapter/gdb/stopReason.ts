// What a gdb stop means to the user: reason and words of the DAP `stopped` event, or the end of the program.
// Pure values in and out; must not know sessions or send anything.
import type { MiFrame, MiStopped } from './mi';

export type BreakpointKind = 'source' | 'function' | 'instruction' | 'data' | 'exception';

export interface StopReport {
  reason: string;
  description?: string;
  text?: string;
  threadId: number | undefined;
  frame: MiFrame | undefined;
  /** gdb's number of the breakpoint that was hit. */
  breakpoint?: string;
  exception?: ExceptionReport;
}

export interface ExceptionReport {
  /** `SIGSEGV`, `C++ exception thrown` … */
  id: string;
  description: string;
  breakMode: 'always' | 'unhandled';
}

export interface ProgramEnd {
  exitCode: number;
  /** Set when a signal ended it. */
  signal?: string;
  signalMeaning?: string;
}

/** How the debugger came to wait for this stop: a signal of our own must not pass for one of the program. */
export interface StopContext {
  pauseRequested: boolean;
  /** The program stands just before its end. */
  ending?: { exitCode: number } | { signal: number };
  kindOf(breakpoint: string): { kind: BreakpointKind; label?: string } | undefined;
}

/**
 * A stop that no event of the program's made: a finished restore, or one before the program's end. Signal 0 is never
 * delivered to a program.
 */
export function isMarker(record: MiStopped): boolean {
  return record.reason === 'signal-received' && record['signal-name'] === '0';
}

export function isInterrupt(record: MiStopped): boolean {
  return record.reason === 'signal-received' && record['signal-name'] === 'SIGINT';
}

export function programEnd(record: MiStopped): ProgramEnd | undefined {
  switch (record.reason) {
    case 'exited-normally':
      return { exitCode: 0 };
    case 'exited':
      return { exitCode: Number.parseInt(record['exit-code'] ?? '0', 8) };
    case 'exited-signalled': {
      const signal = record['signal-name'] ?? '';
      // As a shell tells it: 128 and the signal's number.
      return { exitCode: 128 + (signalNumbers[signal] ?? 0), signal, signalMeaning: record['signal-meaning'] };
    }
    default:
      return undefined;
  }
}

export function stopReport(record: MiStopped, context: StopContext): StopReport {
  const base = { threadId: record['thread-id'] ? Number(record['thread-id']) : undefined, frame: record.frame };
  switch (record.reason) {
    case 'breakpoint-hit':
      return { ...base, ...breakpointStop(record.bkptno ?? '', context) };
    case 'watchpoint-trigger':
    case 'read-watchpoint-trigger':
    case 'access-watchpoint-trigger':
      return { ...base, ...watchpointStop(record) };
    case 'signal-received':
      return { ...base, ...signalStop(record, context) };
    case 'end-stepping-range':
    case 'function-finished':
    case 'location-reached':
      return { ...base, reason: 'step' };
    case 'fork':
    case 'vfork':
    case 'exec':
    case 'syscall-entry':
    case 'syscall-return':
    case 'solib-event':
      return { ...base, reason: 'breakpoint', description: `Paused on ${record.reason}` };
    default:
      return { ...base, reason: context.pauseRequested ? 'pause' : 'step' };
  }
}

function breakpointStop(number: string, context: StopContext): Pick<StopReport, 'reason' | 'breakpoint' | 'description' | 'text' | 'exception'> {
  const known = context.kindOf(number);
  switch (known?.kind) {
    case 'function':
      return { reason: 'function breakpoint', breakpoint: number };
    case 'instruction':
      return { reason: 'instruction breakpoint', breakpoint: number };
    case 'exception': {
      const label = known.label ?? 'Exception';
      return {
        reason: 'exception',
        breakpoint: number,
        description: label,
        text: label,
        exception: { id: label, description: label, breakMode: 'always' },
      };
    }
    default:
      return { reason: 'breakpoint', breakpoint: number };
  }
}

function watchpointStop(record: MiStopped): Pick<StopReport, 'reason' | 'breakpoint' | 'description' | 'text'> {
  const watchpoint = record.wpt ?? record['hw-rwpt'] ?? record['hw-awpt'];
  const { old, new: now, value } = record.value ?? {};
  const change = old !== undefined && now !== undefined ? `${old} → ${now}` : (now ?? value);
  return {
    reason: 'data breakpoint',
    breakpoint: watchpoint?.number,
    description: 'Paused on data breakpoint',
    text: change,
  };
}

function signalStop(record: MiStopped, context: StopContext): Pick<StopReport, 'reason' | 'description' | 'text' | 'exception'> {
  if (isInterrupt(record) && context.pauseRequested) {
    return { reason: 'pause' };
  }
  const { ending } = context;
  if (ending && 'exitCode' in ending) {
    return { reason: 'exit', description: `About to exit with code ${ending.exitCode}` };
  }
  if (ending && isMarker(record)) {
    // gdb was told not to stop at it.
    const id = signalName(ending.signal);
    const description = `About to be ended by ${id}`;
    return { reason: 'exception', description, text: description, exception: { id, description, breakMode: 'unhandled' } };
  }
  const id = record['signal-name'] ?? 'signal';
  const meaning = record['signal-meaning'] ?? id;
  const description = meaning === id ? id : `${meaning} (${id})`;
  return { reason: 'exception', description, text: description, exception: { id, description, breakMode: ending ? 'unhandled' : 'always' } };
}

/** `SIGTERM` for 15. */
export function signalName(number: number): string {
  return Object.entries(signalNumbers).find(([, value]) => value === number)?.[0] ?? `signal ${number}`;
}

/** Linux numbers (signal(7)) of the names that gdb uses, on x86-64 and arm64. */
const signalNumbers: Record<string, number> = Object.fromEntries([
  ...[
    'HUP', 'INT', 'QUIT', 'ILL', 'TRAP', 'ABRT', 'BUS', 'FPE', 'KILL', 'USR1', 'SEGV', 'USR2', 'PIPE', 'ALRM', 'TERM',
    'STKFLT', 'CHLD', 'CONT', 'STOP', 'TSTP', 'TTIN', 'TTOU', 'URG', 'XCPU', 'XFSZ', 'VTALRM', 'PROF', 'WINCH', 'IO',
    'PWR', 'SYS',
  ].map((name, index) => [`SIG${name}`, index + 1]),
  ...Array.from({ length: 31 }, (_, index) => [`SIG${index + 34}`, index + 34]),
]) as Record<string, number>;
