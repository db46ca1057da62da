// Whether the program of a session is stopped, read from the DAP messages that pass by.
// Pure; must not know VS Code.

/** The parts of a DAP message that matter here. */
export interface DapMessage {
  type?: string;
  event?: string;
  command?: string;
  success?: boolean;
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
    return ['continued', 'exited', 'terminated'].includes(message.event ?? '') ? false : stopped;
  }
  if (!resuming.has(message.command ?? '')) return stopped;
  if (message.type === 'request') return false;
  return message.type === 'response' && message.success === false ? true : stopped;
}
