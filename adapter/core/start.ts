// How a program is started (directly, through a shell, by a wrapper) and what to tell the user when it is not.
// Looks at /proc for what a message needs; starts nothing itself.
import { readFileSync } from 'node:fs';
import { codeOf, messageOf, UserError } from '../errors';
import type { RunOptions } from '../rsp/target';

/** What was to start the program ended before it did; the shell has said why on its stderr. */
export class StartupExit extends UserError {
  constructor(
    program: string,
    /** As gdb puts it: `exited with code 127`. */
    readonly outcome: string,
  ) {
    super(`"${program}" could not be started: during startup it ${outcome}. Check that the path is right and the file is executable.`);
  }
}

/** For /bin/sh and every shell of its family. */
export function quoteForShell(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, `'\\''`)}'`;
}

export interface StartCommand {
  program: string;
  args: string[];
  /** How many execs lie between the launch and the program. */
  execs: number;
}

/** With a shell the words reach the program as they are: the shell gets them quoted, as gdbserver does it. */
export function shellCommand(options: RunOptions): StartCommand {
  const words = [...options.wrapper, options.program, ...options.args];
  const wrapped = options.wrapper.length > 0 ? 1 : 0;
  if (!options.shell && !options.detachedStdio) {
    const [program, ...args] = words;
    return { program: program ?? options.program, args, execs: wrapped };
  }
  const shell = options.env.find((entry) => entry.startsWith('SHELL='))?.slice('SHELL='.length);
  const redirect = options.detachedStdio ? ' </dev/null >&2' : '';
  const line = `exec ${words.map(quoteForShell).join(' ')}${redirect}`;
  return { program: options.shell && shell ? shell : '/bin/sh', args: ['-c', line], execs: 1 + wrapped };
}

/** Turns an error of the core into one that says who is to blame and what to do; others pass unchanged. */
export function explainStart(error: unknown, what: RunOptions | { pid: number }): unknown {
  if (error instanceof UserError) return error;
  const code = codeOf(error);
  const operation = (error as { operation?: string } | null)?.operation;
  if ('pid' in what) {
    if (code === 'ESRCH') return new UserError(`There is no process ${what.pid}.`);
    if (code === 'EPERM') return new UserError(`Process ${what.pid} may not be debugged: ${ptraceHint(what.pid)}`);
    return error;
  }
  if (operation === 'pidNamespace') return new UserError(messageOf(error));
  if (operation === 'chdir') return new UserError(`The working directory "${what.cwd}" cannot be entered (${code}); check "cwd".`);
  if (operation === 'PTRACE_SEIZE' && code === 'EPERM') {
    return new UserError('This user may not debug programs here (ptrace is forbidden). In a container, start it with --cap-add=SYS_PTRACE.');
  }
  if (code === 'ENOENT') return new UserError(`There is no program "${what.program}"; check the path, or build it first.`);
  if (code === 'EACCES') return new UserError(`"${what.program}" may not be executed; check that it is a program and that its permissions allow it (chmod +x).`);
  if (code === 'ENOEXEC') return new UserError(`"${what.program}" is no program that this machine can execute (${messageOf(error)}).`);
  return error;
}

/** What stands in the way, as far as /proc tells. */
function ptraceHint(pid: number): string {
  const tracer = Number(readField(pid, 'TracerPid') ?? 0);
  if (tracer > 0) {
    return `it is being debugged already by process ${tracer} (${readField(tracer, 'Name') ?? 'unknown'}). Detach that debugger first.`;
  }
  const owner = Number(readField(pid, 'Uid')?.split(/\s+/)[0] ?? -1);
  const own = process.getuid?.() ?? -1;
  if (own !== 0 && owner !== own) {
    return `it belongs to another user (uid ${owner}). Run the editor as that user, or attach as root.`;
  }
  return (
    'the system forbids it. Allow it with "sudo sysctl kernel.yama.ptrace_scope=0"; in a container, start that with --cap-add=SYS_PTRACE.'
  );
}

function readField(pid: number, name: string): string | undefined {
  try {
    return new RegExp(`^${name}:\\s+(.+)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
