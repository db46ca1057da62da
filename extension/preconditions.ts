// What must hold before a session can start, and what to tell the user where it does not.
// Pure but for the look at the file system in programs.ts; must not know VS Code.

import type { AttachAttributes, LaunchAttributes } from '../adapter/protocol';
import { findCommand, stateOfProgram } from './programs';

export interface Surroundings {
  /** `process.platform` and `process.arch` of the extension host. */
  platform: string;
  architecture: string;
  /** PATH. */
  searchPath: string;
  trusted: boolean;
}

export type Remedy = 'build' | 'openLaunchJson' | 'openGdbSetting' | 'manageTrust';

export interface Problem {
  /** Who is to blame and what to do next. */
  message: string;
  remedies: Remedy[];
}

export type Attributes =
  | ({ request: 'launch' } & Partial<LaunchAttributes>)
  | ({ request: 'attach' } & Partial<AttachAttributes>);

export function problemWithHost({ platform, architecture, trusted }: Surroundings): Problem | undefined {
  if (platform !== 'linux') {
    return problem(
      `Rollpoint debugs on Linux only, and this window runs on ${platform}. Open the folder on a Linux machine, in WSL or in a container, and debug there.`,
    );
  }
  if (architecture !== 'x64') {
    return problem(
      `Rollpoint supports x86-64 only, and this machine is ${architecture}. Open the folder on an x86-64 Linux machine.`,
    );
  }
  if (!trusted) {
    return problem(
      'Debugging runs programs of this folder, and you have not trusted it yet. Trust the folder, then start again.',
      'manageTrust',
    );
  }
  return undefined;
}

/** For a configuration whose variables are substituted and whose preLaunchTask has run. */
export async function problemWith(config: Attributes, surroundings: Surroundings): Promise<Problem | undefined> {
  return (
    problemWithHost(surroundings) ??
    (await problemWithProgram(config)) ??
    (await problemWithGdb(config.gdb ?? 'gdb', surroundings.searchPath))
  );
}

/** `gdb`: its path, or its name on PATH. */
export async function problemWithGdb(gdb: string, searchPath: string): Promise<Problem | undefined> {
  if (await findCommand(gdb, searchPath)) return undefined;
  return gdb.includes('/')
    ? problem(
        `gdb was not found at ${gdb}. Correct "gdb" in launch.json or the setting rollpoint.gdb.`,
        'openLaunchJson',
        'openGdbSetting',
      )
    : problem(
        `"${gdb}" is not on PATH. Install it (Debian and Ubuntu: sudo apt install gdb) or set rollpoint.gdb to its path.`,
        'openGdbSetting',
      );
}

async function problemWithProgram(config: Attributes): Promise<Problem | undefined> {
  if (config.request === 'attach') {
    return config.pid === undefined || !/^[1-9][0-9]*$/.test(String(config.pid).trim())
      ? problem(
          'The configuration does not say which process to attach to. Set "pid" to a process id or to "${command:pickProcess}".',
          'openLaunchJson',
        )
      : undefined;
  }
  const { program } = config;
  if (!program) {
    return problem(
      'The configuration does not say which program to debug. Set "program" to the path of an executable.',
      'openLaunchJson',
    );
  }
  switch (await stateOfProgram(program)) {
    case 'missing':
      return problem(
        `The program ${program} does not exist. Build it, or correct "program" in launch.json.`,
        'build',
        'openLaunchJson',
      );
    case 'directory':
      return problem(`${program} is not a file. Set "program" to the executable itself.`, 'openLaunchJson');
    case 'notExecutable':
      return problem(
        `${program} is not executable. Run "chmod +x" on it, or set "program" to the executable that the build makes.`,
        'openLaunchJson',
      );
    case 'notElf':
      return problem(
        `${program} is not a Linux program (ELF). For a script, set "program" to its interpreter and put the script into "args".`,
        'openLaunchJson',
      );
    case 'ok':
      return undefined;
  }
}

function problem(message: string, ...remedies: Remedy[]): Problem {
  return { message, remedies };
}
