// Whether the program of a session is stopped, and whether it differs from its current snapshot, read from the DAP
// messages that pass by.
// Pure; must not know VS Code.

import type { SnapshotList } from '../adapter/protocol';

/** The parts of a DAP message that matter here. */
export interface DapMessage {
  type?: string;
  event?: string;
  command?: string;
  success?: boolean;
  body?: { question?: number; allThreadsContinued?: boolean };
  arguments?: { question?: number; context?: string; expression?: string };
}

const resuming = new Set([
  'continue',
  'next',
  'stepIn',
  'stepOut',
  'stepBack',
  'reverseContinue',
  'goto',
  'restartFrame',
]);

/**
 * The state after a message to or from the adapter: true for stopped. A resume counts from its request, so that the
 * buttons cannot be pressed while it is under way; one that fails leaves the program stopped.
 */
export function stoppedAfter(stopped: boolean, message: DapMessage): boolean {
  if (message.type === 'event') {
    if (message.event === 'stopped') return true;
    if (message.event === 'continued' && message.body?.allThreadsContinued === false) return stopped;
    return ['continued', 'exited', 'terminated'].includes(message.event ?? '') ? false : stopped;
  }
  if (!resuming.has(message.command ?? '')) return stopped;
  if (message.type === 'request') return false;
  return message.type === 'response' && message.success === false ? true : stopped;
}

/**
 * The question before a restore that is open after a message; null: none. While it is, the request that leads to the
 * restore waits, and the program stands.
 */
export function questionAfter(open: number | null, message: DapMessage): number | null {
  if (message.type === 'event' && message.event === 'rollpoint/confirmRestore') return message.body?.question ?? open;
  const answer = message.type === 'request' && message.command === 'rollpoint/answerRestore';
  return answer && message.arguments?.question === open ? null : open;
}

/** Of these, a restore is the end, and the list of snapshots tells it. */
const restoring = new Set(['stepBack', 'reverseContinue']);
/** Their response means: the program is another. A branch runs from then on, or has been changed. */
const editing = new Set(['setVariable', 'setExpression', 'writeMemory', 'rollpoint/branchWith']);

/** True when the program may differ from its current snapshot, after a message to or from the adapter. */
export function movedAfter(moved: boolean, message: DapMessage): boolean {
  const command = message.command ?? '';
  if (message.type === 'request') return moved || (resuming.has(command) && !restoring.has(command));
  return moved || (message.type === 'response' && message.success === true && editing.has(command));
}

const has = (list: SnapshotList, id: number | null): boolean => list.snapshots.some((snapshot) => snapshot.id === id);

/** From a list to the next one: a current snapshot that is new was just taken; one that was known, restored. */
export function wentBack(before: SnapshotList, after: SnapshotList): boolean {
  if (after.current === before.current || !has(before, after.current)) return false;
  // Else the current one was deleted or evicted, and the program stands after its parent.
  return before.current === null || has(after, before.current);
}

/** Whether the program may differ from its current snapshot, after a new list. */
export function movedAfterList(moved: boolean, before: SnapshotList, after: SnapshotList): boolean {
  if (after.current === before.current) return moved;
  return has(before, after.current) && !wentBack(before, after);
}

/** More are never compared at once. */
const mostWatches = 100;

/**
 * What the user watches: VS Code does not tell extensions, but asks for the value of each after every stop, as long as
 * its view is open.
 */
export class WatchedExpressions {
  private expressions: readonly string[] = [];
  private stopped = false;

  /** The expressions after a message to or from the adapter. */
  after({ type, event, command, arguments: args }: DapMessage): readonly string[] {
    if (type === 'event' && event === 'stopped') this.stopped = true;
    const expression = args?.expression?.trim();
    if (type !== 'request' || command !== 'evaluate' || args?.context !== 'watch' || !expression) return this.expressions;
    const known = this.stopped ? [] : this.expressions;
    this.stopped = false;
    if (!known.includes(expression)) this.expressions = [...known, expression].slice(-mostWatches);
    return this.expressions;
  }
}
