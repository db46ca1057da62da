// Launch and attach attributes as they come from a configuration, checked and completed.
// Must not know gdb or the core; looks at the file system, changes nothing.
import { access, constants, open, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { codeOf, UserError } from './errors';
import type { AttachAttributes, AutoSnapshot, ChildPolicy, CommonAttributes, ConsoleKind, FilePolicy, FollowPolicy, LaunchAttributes } from './protocol';
import { parseSize } from './snapshots/size';

export interface SetupCommand {
  text: string;
  ignoreFailures: boolean;
}

interface Common {
  gdb: string | undefined;
  setupCommands: SetupCommand[];
  snapshots: { auto: AutoSnapshot; memoryLimit: number; files: FilePolicy; children: ChildPolicy };
  followFork: FollowPolicy;
  confirmRestore: boolean;
  trace: boolean;
}

export interface LaunchPlan extends Common {
  kind: 'launch';
  /** Absolute. */
  program: string;
  args: string[];
  /** Absolute. */
  cwd: string;
  /** The debuggee's whole environment. */
  env: Record<string, string>;
  stopOnEntry: boolean;
  pidNamespace: boolean;
  console: ConsoleKind;
}

export interface AttachPlan extends Common {
  kind: 'attach';
  pid: number;
  program: string | undefined;
}

const fix = 'Correct it in the launch configuration (launch.json).';

/** Throws UserError for whatever would keep the program from starting. */
export async function planLaunch(attributes: Partial<LaunchAttributes>): Promise<LaunchPlan> {
  const common = planCommon(attributes);
  const { program, args = [], cwd, stopOnEntry = false, pidNamespace = false } = attributes;
  if (typeof program !== 'string' || !program.trim()) {
    throw new UserError('The launch configuration names no program: set "program" to the path of the executable to debug.');
  }
  if (!Array.isArray(args) || args.some((argument) => typeof argument !== 'string')) {
    throw new UserError(`"args" must be a list of texts, one for each argument. ${fix}`);
  }
  const folder = resolve(cwd ?? process.cwd());
  await checkFolder(folder);
  const env = environment(attributes.env);
  const path = await findProgram(program, env.PATH);
  await checkProgram(path);
  return {
    ...common,
    kind: 'launch',
    program: path,
    args,
    cwd: folder,
    env,
    stopOnEntry: stopOnEntry === true,
    pidNamespace: pidNamespace === true,
    console: oneOf('console', attributes.console, ['internalConsole', 'integratedTerminal', 'externalTerminal'], 'internalConsole'),
  };
}

export async function planAttach(attributes: Partial<AttachAttributes>): Promise<AttachPlan> {
  const common = planCommon(attributes);
  const text = String(attributes.pid ?? '').trim();
  const pid = Number(text);
  if (!/^\d+$/.test(text) || pid < 1) {
    throw new UserError('The configuration names no process: set "pid" to the number of the process to attach to.');
  }
  try {
    await stat(`/proc/${pid}`);
  } catch {
    throw new UserError(`There is no process ${pid}: it has ended, or "pid" is wrong.`);
  }
  if (attributes.program !== undefined) {
    await checkProgram(attributes.program);
  }
  return { ...common, kind: 'attach', pid, program: attributes.program };
}

function planCommon(attributes: Partial<CommonAttributes>): Common {
  const { snapshots = {}, setupCommands = [], gdb, trace } = attributes;
  const limit = parseSize(String(snapshots.memoryLimit ?? '1GiB'));
  if (limit === null) {
    throw new UserError(`"snapshots.memoryLimit" is "${snapshots.memoryLimit}": write a size such as "512MiB" or "2GiB".`);
  }
  const followFork = oneOf('followFork', attributes.followFork, ['parent', 'child'], 'parent');
  if (followFork === 'child' && snapshots.children === 'ignore') {
    throw new UserError(`"followFork" is "child", which needs "snapshots.children" to be "include": what is let run untouched cannot be followed. ${fix}`);
  }
  return {
    gdb: gdb?.trim() || undefined,
    setupCommands: setupCommands.map((command) =>
      typeof command === 'string'
        ? { text: command, ignoreFailures: false }
        : { text: command.text, ignoreFailures: command.ignoreFailures === true },
    ),
    snapshots: {
      auto: oneOf('snapshots.auto', snapshots.auto, ['breakpoints', 'everyStop', 'off'], 'breakpoints'),
      memoryLimit: limit,
      files: oneOf('snapshots.files', snapshots.files, ['rewind', 'keep'], 'rewind'),
      children: oneOf('snapshots.children', snapshots.children, ['include', 'ignore'], 'include'),
    },
    followFork,
    confirmRestore: attributes.confirmRestore === true,
    trace: trace === true,
  };
}

function oneOf<T extends string>(name: string, value: T | undefined, allowed: readonly T[], otherwise: T): T {
  if (value !== undefined && !allowed.includes(value)) {
    throw new UserError(`"${name}" is "${String(value)}": it can be ${allowed.map((one) => `"${one}"`).join(', ')}. ${fix}`);
  }
  return value ?? otherwise;
}

function environment(changes: Record<string, string | null> | undefined): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...process.env, ELECTRON_RUN_AS_NODE: undefined, ...changes })) {
    if (value !== undefined && value !== null) {
      env[name] = String(value);
    }
  }
  return env;
}

async function checkFolder(folder: string): Promise<void> {
  try {
    if (!(await stat(folder)).isDirectory()) {
      throw new UserError(`"cwd" is "${folder}", which is not a folder. ${fix}`);
    }
    await access(folder, constants.X_OK);
  } catch (error) {
    if (error instanceof UserError) {
      throw error;
    }
    throw new UserError(
      codeOf(error) === 'EACCES' ? `You may not enter the folder "${folder}" ("cwd"). ${fix}` : `The folder "${folder}" ("cwd") does not exist. ${fix}`,
    );
  }
}

/** A name without a slash is looked up on PATH when no such file lies in the working folder. */
async function findProgram(program: string, path: string | undefined): Promise<string> {
  const here = resolve(program);
  if (isAbsolute(program) || program.includes('/') || (await exists(here))) {
    return here;
  }
  for (const folder of (path ?? '').split(delimiter).filter(Boolean)) {
    const candidate = join(folder, program);
    if (await exists(candidate)) {
      return candidate;
    }
  }
  return here;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isFile(), () => false);
}

/** ELF e_machine of what this build of Rollpoint can debug, by Node's name of the architecture. */
const machines: Record<string, { machine: number; name: string }> = {
  x64: { machine: 62, name: 'x86-64' },
  arm64: { machine: 183, name: 'arm64' },
};
const machineNames: Record<number, string> = { 3: '32-bit x86', 40: '32-bit Arm', 62: 'x86-64', 183: 'arm64', 243: 'RISC-V' };

async function checkProgram(path: string): Promise<void> {
  let header: Buffer;
  try {
    const found = await stat(path);
    if (found.isDirectory()) {
      throw new UserError(`"program" is "${path}", which is a folder. ${fix}`);
    }
    await access(path, constants.X_OK);
    header = await firstBytes(path);
  } catch (error) {
    if (error instanceof UserError) {
      throw error;
    }
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new UserError(`The program "${path}" does not exist. Build it first, or correct "program" in the launch configuration.`);
    }
    if (code === 'EACCES') {
      throw new UserError(`The program "${path}" is not executable for you: build it again, or run "chmod +x" on it.`);
    }
    throw error;
  }
  checkHeader(path, header);
}

/** The first bytes; none where the file may be run but not read. */
async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path, 'r').catch((error: unknown) => (codeOf(error) === 'EACCES' ? undefined : Promise.reject(error as Error)));
  if (!file) {
    return Buffer.alloc(0);
  }
  try {
    const buffer = Buffer.alloc(64);
    const { bytesRead } = await file.read(buffer, 0, 64, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function checkHeader(path: string, header: Buffer): void {
  if (header.length === 0 || header.subarray(0, 2).toString() === '#!') {
    return;
  }
  if (header.readUInt32BE(0) !== 0x7f454c46) {
    throw new UserError(
      `"${path}" is neither a program of this system nor a script that names its interpreter in a first line "#!…". ${fix}`,
    );
  }
  const own = machines[process.arch];
  const machine = header.readUInt16LE(18);
  if (own && machine !== own.machine) {
    throw new UserError(
      `"${path}" is built for ${machineNames[machine] ?? `another processor (ELF machine ${machine})`}, and this system runs ${own.name}: build it for ${own.name}.`,
    );
  }
}
