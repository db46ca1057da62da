// What gdb tells by itself beside stops: breakpoints, threads and settings that have changed.
// Must not know requests, or what follows a stop.
import { messageOf } from './errors';
import type { Breakpoints } from './gdb/breakpoints';
import type { MiBreakpoint } from './gdb/mi';
import type { Stack } from './gdb/stack';
import { event } from './sessionEvents';
import type { Client, DebuggeeHost } from './sessionParts';

interface Listeners {
  readonly client: Client;
  readonly breakpoints: Breakpoints;
  readonly stack: Stack;
  readonly host: DebuggeeHost;
  /** The session is being ended. */
  readonly leaving: boolean;
}

/** `name` and `record`: of an asynchronous record of gdb/MI. */
export function notified(to: Listeners, name: string, record: Record<string, unknown>): void {
  const id = Number(record['id']);
  switch (name) {
    case 'breakpoint-modified':
      to.breakpoints.onModified(record['bkpt'] as MiBreakpoint);
      break;
    case 'breakpoint-deleted':
      to.breakpoints.onDeleted(String(record['id']));
      break;
    case 'thread-created':
      to.stack.threadCreated(id);
      to.client.send(event('thread', { reason: 'started', threadId: id }));
      break;
    case 'thread-exited':
      to.stack.threadExited(id);
      // When the thread in focus goes, VS Code turns to another one and opens its source: not on the way out.
      if (!to.leaving) to.client.send(event('thread', { reason: 'exited', threadId: id }));
      break;
    case 'cmd-param-changed':
      onSetting(to, String(record['param']), String(record['value']));
      break;
    default:
      break;
  }
}

/** What gdb takes without a word, since to it the program has one process. */
function onSetting({ host, client }: Listeners, name: string, value: string): void {
  if (name === 'follow-fork-mode') {
    host.followChildren(value === 'child').catch((error: unknown) => {
      client.output('important', `"set ${name} ${value}" has no effect. ${messageOf(error)}\n`);
    });
  } else if (name === 'detach-on-fork' && value === 'off') {
    client.output(
      'important',
      `"set ${name} ${value}" has no effect: gdb is shown one process at a time. "followFork" in the launch configuration, or "monitor follow PID", chooses it; ` +
        'the others stop, run and go into its snapshots with it.\n',
    );
  }
}
