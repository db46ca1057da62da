// Thread ids of the remote protocol: `p1f.20`, `20`, `-1` for all, `0` for any.
// Pure; which threads exist is not known here.
import { PacketError, parseHex } from './encoding';

export const ALL = -1;
export const ANY = 0;

export interface ThreadId {
  /** Null where the client does not name a process. */
  pid: number | null;
  /** `ALL`, `ANY` or a tid. */
  tid: number;
}

function parsePart(text: string): number {
  return text === '-1' ? ALL : parseHex(text);
}

/** `p1f` alone names every thread of the process. */
export function parseThreadId(text: string): ThreadId {
  if (text === '') throw new PacketError('empty thread id');
  if (!text.startsWith('p')) return { pid: null, tid: parsePart(text) };
  const dot = text.indexOf('.');
  if (dot < 0) return { pid: parsePart(text.slice(1)), tid: ALL };
  return { pid: parsePart(text.slice(1, dot)), tid: parsePart(text.slice(dot + 1)) };
}

export function formatThreadId(pid: number, tid: number, multiprocess: boolean): string {
  return multiprocess ? `p${pid.toString(16)}.${tid.toString(16)}` : tid.toString(16);
}
