// Commands whose errors the user sees.
// Must not know any command.

import * as vscode from 'vscode';

/** Errors end as a notification, never as a modal dialog; the caller, if it is code, gets undefined. */
export function command<A extends unknown[], T>(id: string, run: (...args: A) => Promise<T>): vscode.Disposable {
  return vscode.commands.registerCommand(id, async (...args: A) => {
    try {
      return await run(...args);
    } catch (error) {
      void vscode.window.showErrorMessage(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  });
}
