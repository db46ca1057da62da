// Z0 to Z4 and z0 to z4: software and hardware breakpoints, write, read and access watchpoints.
// Where the bytes and debug registers go is the target's.
import type { Handler, HandlerTable } from './client';
import { PacketError, parseRange, splitOnce } from './encoding';
import type { BreakpointType } from './target';

const types: Readonly<Record<string, BreakpointType>> = { 0: 'software', 1: 'hardware', 2: 'write', 3: 'read', 4: 'access' };

/**
 * Kinds that the packet gets an empty reply for. amd64 cannot watch reads alone; told so, gdb watches every access and
 * drops the stops at writes itself.
 */
const unsupported: ReadonlySet<BreakpointType> = new Set(['read']);

/** `0,401136,1`; conditions and commands after `;` are never announced, so gdb sends none. */
export function parseBreakpoint(args: string): { type: BreakpointType; address: bigint; length: number } | null {
  const [number, rest] = splitOnce(args, ',');
  const type = types[number];
  if (!type) return null;
  const { address, length } = parseRange(splitOnce(rest, ';')[0]);
  if (address >= 1n << 64n) throw new PacketError('address out of range');
  return { type, address, length };
}

function handler(operation: 'insertBreakpoint' | 'removeBreakpoint'): Handler {
  return async (client, args) => {
    const breakpoint = parseBreakpoint(args);
    if (!breakpoint || unsupported.has(breakpoint.type)) return '';
    await client.target[operation](breakpoint.type, breakpoint.address, breakpoint.length);
    return 'OK';
  };
}

export const breakpointHandlers: HandlerTable = {
  Z: handler('insertBreakpoint'),
  z: handler('removeBreakpoint'),
};
