// The errors of the adapter and how they become DAP error responses.
// Must not know gdb, the addon or any request in particular.
import type { DebugProtocol } from '@vscode/debugprotocol';

/** Something the user can act on: the message says who is to blame and what to do next. Everything else is a bug. */
export class UserError extends Error {
  constructor(
    message: string,
    /** Shown as a dialog by VS Code; false for what already stands where the user looks, such as a failed hover. */
    readonly prominent = true,
  ) {
    super(message);
    this.name = 'UserError';
  }
}

/** A restore has failed half-way: the program is in no state that it ever had, and only another restore can help. */
export class BrokenProgramError extends UserError {}

/** The text of anything thrown, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().replace(/\s*\n\s*/g, ' ');
}

export function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

const userErrorId = 1;
const bugId = 2;

/** What goes into `body.error` of an error response. Braces in the text stay as they are: nothing is substituted. */
export function toDapError(error: unknown): DebugProtocol.Message {
  const user = error instanceof UserError;
  return {
    id: user ? userErrorId : bugId,
    format: '{text}',
    variables: { text: user ? error.message : `Rollpoint failed: ${messageOf(error)}` },
    showUser: user ? error.prominent : true,
  };
}
