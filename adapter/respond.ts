// Runs the work of one request and ends it in exactly one response, whatever throws.
// Must not know what any request means.
import type { DebugProtocol } from '@vscode/debugprotocol';
import { toDapError, UserError } from './errors';

export interface Responder {
  sendResponse(response: DebugProtocol.Response): void;
  /** A failure that is nobody's but ours: to the log, with its stack. */
  logBug(command: string, error: unknown): void;
}

export async function respond(
  responder: Responder,
  response: DebugProtocol.Response,
  work: () => Promise<object | void> | object | void,
): Promise<void> {
  try {
    const body = await work();
    if (body !== undefined) {
      response.body = body;
    }
  } catch (error) {
    if (!(error instanceof UserError)) {
      responder.logBug(response.command, error);
    }
    const message = toDapError(error);
    // Who sends a request of our own shows its failure as it likes; VS Code would show it a second time.
    if (response.command.startsWith('rollpoint/')) {
      message.showUser = false;
    }
    response.success = false;
    response.message = message.variables?.text ?? message.format;
    response.body = { error: message };
  }
  responder.sendResponse(response);
}
