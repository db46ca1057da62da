// How VS Code starts the debug adapter.
// Must not know what the adapter does.

import { access } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { debugType } from './contributions';

export function registerAdapterFactory(extensionPath: string): vscode.Disposable {
  return vscode.debug.registerDebugAdapterDescriptorFactory(debugType, {
    async createDebugAdapterDescriptor(): Promise<vscode.DebugAdapterDescriptor> {
      const adapter = path.join(extensionPath, 'dist', 'rollpoint-adapter.js');
      await access(adapter).catch(() => {
        throw new Error(
          `Rollpoint is incomplete: ${adapter} is missing. Install the extension again, or run "npm run build" in its checkout.`,
        );
      });
      // In the desktop the extension host's executable is Electron, which this variable makes an ordinary Node.
      return new vscode.DebugAdapterExecutable(process.execPath, [adapter], { env: { ELECTRON_RUN_AS_NODE: '1' } });
    },
  });
}
