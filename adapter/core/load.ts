// Loads the native addon, the only place that does; says what to do when it is missing or does not fit.
// Knows no debugger and no debuggee.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { messageOf, UserError } from '../errors';
import type { Addon, Capabilities } from './native';

/** From dist/*.js (the bundles) and from adapter/core/load.ts (the tests). */
const places = ['../native/build/Release/rollpoint.node', '../../native/build/Release/rollpoint.node'];

let loaded: Addon | null = null;

/** Throws UserError when this machine cannot run the addon or the addon was not built. */
export function loadAddon(): Addon {
  if (loaded) return loaded;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new UserError(
      `Rollpoint debugs on Linux on x86-64 only; this is ${process.platform} on ${process.arch}. Open the folder on such a machine (Remote-SSH, WSL, a container).`,
    );
  }
  const path = places.map((place) => join(__dirname, place)).find((candidate) => existsSync(candidate));
  if (!path) {
    throw new UserError('The native part of Rollpoint is not built: run "npm run build" in the checkout, or install the VSIX for linux-x64 again.');
  }
  try {
    loaded = createRequire(__filename)(path) as Addon;
  } catch (error) {
    throw new UserError(`The native part of Rollpoint does not load: ${messageOf(error)}. Run "npm run build" again on this machine.`);
  }
  return loaded;
}

/** The first line of every log. */
export function describeMachine(version: string, gdb: string | null, capabilities: Capabilities): string {
  const lacks = capabilities.lacks.length === 0 ? 'nothing' : capabilities.lacks.join('; ');
  return (
    `Rollpoint ${version}, Linux ${capabilities.kernel} ${capabilities.architecture}, ${gdb ?? 'no gdb'}, ` +
    `dirty tracker ${capabilities.tracker}, kernel lacks: ${lacks}`
  );
}
