// DAP events and the objects inside them, made from plain values.
// Pure; must not know gdb or any state.
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { Event } from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { BreakpointState } from './gdb/breakpoints';

export function event(name: string, body: object): DebugProtocol.Event {
  return new Event(name, body);
}

export function breakpointOf(state: BreakpointState): DebugProtocol.Breakpoint {
  const { id, verified, message, path, line, instructionReference } = state;
  return {
    id,
    verified,
    ...(message === undefined ? {} : { message }),
    ...(path === undefined ? {} : { source: { name: basename(path), path } }),
    ...(line === undefined ? {} : { line }),
    ...(instructionReference === undefined ? {} : { instructionReference }),
  };
}

export function breakpointEvent(reason: 'changed' | 'removed', state: BreakpointState): DebugProtocol.Event {
  return event('breakpoint', { reason, breakpoint: breakpointOf(state) });
}

/** Sources that are not on this machine, under numbers that a `source` request can ask for. */
export class MissingSources {
  private readonly paths: string[] = [];
  private readonly known = new Map<string, boolean>();

  sourceOf(path: string): DebugProtocol.Source {
    const name = basename(path);
    let there = this.known.get(path);
    if (there === undefined) {
      there = existsSync(path);
      this.known.set(path, there);
    }
    if (there) {
      return { name, path };
    }
    if (!this.paths.includes(path)) {
      this.paths.push(path);
    }
    return { name, path, sourceReference: this.paths.indexOf(path) + 1, origin: 'not on this machine', presentationHint: 'deemphasize' };
  }

  path(reference: number): string | undefined {
    return this.paths[reference - 1];
  }
}
