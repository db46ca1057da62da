// Shapes of the gdb/MI records that we read, and the quoting of what we write.
// Types and text only; must not know the process that runs gdb.

export interface MiFrame {
  level?: string;
  addr?: string;
  func?: string;
  file?: string;
  fullname?: string;
  line?: string;
  from?: string;
}

/** `*stopped`. Values as gdb writes them: everything is text. */
export interface MiStopped {
  reason?: string;
  bkptno?: string;
  disp?: string;
  'signal-name'?: string;
  'signal-meaning'?: string;
  /** Octal. */
  'exit-code'?: string;
  'thread-id'?: string;
  frame?: MiFrame;
  wpt?: { number: string; exp: string };
  'hw-rwpt'?: { number: string; exp: string };
  'hw-awpt'?: { number: string; exp: string };
  value?: { old?: string; new?: string; value?: string };
}

export interface MiBreakpoint {
  number: string;
  type?: string;
  enabled?: string;
  addr?: string;
  func?: string;
  file?: string;
  fullname?: string;
  line?: string;
  pending?: string;
  times?: string;
  what?: string;
  'catch-type'?: string;
  'original-location'?: string;
  locations?: MiBreakpoint[];
}

export interface MiThread {
  id: string;
  'target-id'?: string;
  name?: string;
  details?: string;
  state?: string;
  frame?: MiFrame;
}

export interface MiVariable {
  name: string;
  type?: string;
  value?: string;
  arg?: string;
}

export interface MiVarObject {
  name: string;
  numchild: string;
  value?: string;
  type?: string;
  dynamic?: string;
  displayhint?: string;
  has_more?: string;
}

export interface MiVarChild extends MiVarObject {
  exp: string;
}

/** An MI c-string. Line ends become spaces: a command is one line. */
export function quote(text: string): string {
  return `"${text.replace(/\s*\r?\n\s*/g, ' ').replace(/[\\"]/g, '\\$&')}"`;
}

/** `--thread T --frame L`, with nothing for what is not given. */
export function inFrame(context?: { threadId?: number; level?: number }): string {
  const thread = context?.threadId === undefined ? '' : ` --thread ${context.threadId}`;
  return context?.level === undefined ? thread : `${thread} --frame ${context.level}`;
}

/** MI gives a list of results as an array, as one object, or not at all. */
export function listOf<T>(value: T | T[] | undefined | null): T[] {
  return value === undefined || value === null || value === ('' as unknown) ? [] : Array.isArray(value) ? value : [value];
}
