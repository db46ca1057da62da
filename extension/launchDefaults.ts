// Launch configurations as values: the ones offered, and a given one completed with the settings.
// Pure; must not know VS Code.

import * as path from 'node:path';
import type { AttachAttributes, AutoSnapshot, ChildPolicy, FilePolicy, LaunchAttributes } from '../adapter/protocol';
import { debugType } from './contributions';

/** What the user set under `rollpoint.` in the settings; undefined where left alone. */
export interface Settings {
  gdb?: string | undefined;
  auto?: AutoSnapshot | undefined;
  memoryLimit?: string | undefined;
  files?: FilePolicy | undefined;
  children?: ChildPolicy | undefined;
}

interface Named {
  type: string;
  name: string;
}

export type LaunchConfiguration = Named & { request: 'launch' } & LaunchAttributes;
export type AttachConfiguration = Named & { request: 'attach' } & AttachAttributes;

/** `folder` is the workspace folder; paths below it are written with `${workspaceFolder}`, so that they can be shared. */
export function launchConfiguration(program: string, folder?: string): LaunchConfiguration {
  return {
    type: debugType,
    request: 'launch',
    name: `Debug ${path.basename(program)}`,
    program: shorten(program, folder),
    args: [],
    cwd: folder ? '${workspaceFolder}' : path.dirname(program),
  };
}

export function attachConfiguration(): AttachConfiguration {
  return { type: debugType, request: 'attach', name: 'Attach to a process', pid: '${command:pickProcess}' };
}

/** Settings fill in what the configuration leaves open. */
export function withSettings<T extends object>(config: T, settings: Settings): T {
  const { gdb, snapshots } = config as { gdb?: string; snapshots?: object };
  const { gdb: defaultGdb, ...defaults } = settings;
  return defined({
    ...config,
    gdb: gdb || defaultGdb || undefined,
    snapshots: { ...defined(defaults), ...snapshots },
  });
}

function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as T;
}

function shorten(file: string, folder: string | undefined): string {
  if (!folder) return file;
  const relative = path.relative(folder, file);
  return relative.startsWith('..') || path.isAbsolute(relative) ? file : `\${workspaceFolder}/${relative}`;
}
