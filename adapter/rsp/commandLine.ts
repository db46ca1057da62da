// The command line of rollpoint-server, which is gdbserver's.
// Pure: words in, what to do out.

import { disabledPacketNames, type DisabledPacket } from './client';

export interface ServerCommand {
  mode: 'program' | 'attach' | 'multi';
  once: boolean;
  debug: boolean;
  tracePackets: boolean;
  debugFile: string | null;
  disableAslr: boolean;
  shell: boolean;
  wrapper: string[];
  disabledPackets: ReadonlySet<DisabledPacket>;
  comm: string;
  program: string | null;
  args: string[];
  pid: number | null;
}

export type Invocation = { kind: 'serve'; command: ServerCommand } | { kind: 'help' | 'version' | 'selftest' } | { kind: 'wrong'; message: string };

export const usage = `Usage: rollpoint-server [OPTIONS] COMM PROG [ARGS ...]
       rollpoint-server [OPTIONS] --attach COMM PID
       rollpoint-server [OPTIONS] --multi COMM

COMM is HOST:PORT or :PORT to listen for a TCP connection (port 0 takes a free
one), the path of a unix socket to create, or '-' or 'stdio' to talk over stdin
and stdout. PROG is the program and ARGS are its arguments; PID is the process
to attach to.

Operating modes:

  --attach              Attach to running process PID.
  --multi               Start without a program, and only quit when told to.
  --once                Exit after the first connection has closed.
  --help                Print this message and exit.
  --version             Print the version and exit.

Other options:

  --wrapper WRAPPER --  Run WRAPPER to start new programs.
  --disable-randomization
                        Run PROG without address space randomization (default).
  --no-disable-randomization
                        Leave address space randomization on.
  --startup-with-shell  Start PROG through a shell (default).
  --no-startup-with-shell
                        Execute PROG directly.

  --debug               Print general debugging messages.
  --remote-debug        Print the packets of the remote protocol.
  --debug-file=PATH     Write debugging messages to PATH.
  --disable-packet=OPT1[,OPT2,...]
                        Pretend not to know packets: vCont, T, Tthread, qC,
                        qfThreadInfo, or threads (all of them).

In gdb: "target extended-remote COMM", then "monitor help" for the snapshots.
`;

const defaults: ServerCommand = {
  mode: 'program',
  once: false,
  debug: false,
  tracePackets: false,
  debugFile: null,
  disableAslr: true,
  shell: true,
  wrapper: [],
  disabledPackets: new Set(),
  comm: '',
  program: null,
  args: [],
  pid: null,
};

const flags: Readonly<Record<string, Partial<ServerCommand>>> = {
  '--attach': { mode: 'attach' },
  '--multi': { mode: 'multi' },
  '--once': { once: true },
  '--debug': { debug: true },
  '--remote-debug': { tracePackets: true },
  '--disable-randomization': { disableAslr: true },
  '--no-disable-randomization': { disableAslr: false },
  '--startup-with-shell': { shell: true },
  '--no-startup-with-shell': { shell: false },
};

const wrong = (message: string): Invocation => ({ kind: 'wrong', message });

export function parseCommandLine(words: readonly string[]): Invocation {
  const rest = [...words];
  let command: ServerCommand = { ...defaults };
  // `-` alone is a COMM.
  while (rest[0]?.startsWith('-') && rest[0] !== '-') {
    const option = rest.shift() ?? '';
    if (option === '--') break;
    if (option === '--help') return { kind: 'help' };
    if (option === '--version') return { kind: 'version' };
    if (option === '--selftest') return { kind: 'selftest' };
    const flag = Object.hasOwn(flags, option) ? flags[option] : undefined;
    if (flag) {
      command = { ...command, ...flag };
    } else if (option === '--wrapper') {
      const end = rest.indexOf('--');
      if (end < 1) return wrong('--wrapper needs a program, its arguments and "--" after them.');
      command = { ...command, wrapper: rest.splice(0, end) };
      rest.shift();
    } else if (option.startsWith('--debug-file=')) {
      command = { ...command, debugFile: option.slice('--debug-file='.length) };
    } else if (option.startsWith('--disable-packet=')) {
      const disabledPackets = parseDisabled(option.slice('--disable-packet='.length));
      if (!disabledPackets) return wrong(`Unknown packet in "${option}".`);
      command = { ...command, disabledPackets };
    } else if (!option.startsWith('--debug-format=')) {
      return wrong(`Unknown option "${option}".`);
    }
  }
  const comm = rest.shift();
  if (comm === undefined) return wrong('Where to listen is missing.');
  // Older scripts write --attach after COMM.
  if (rest[0] === '--attach') {
    rest.shift();
    command = { ...command, mode: 'attach' };
  }
  return finish({ ...command, comm }, rest);
}

function parseDisabled(list: string): Set<DisabledPacket> | null {
  const found = new Set<DisabledPacket>();
  for (const word of list.split(',')) {
    const names = word === 'threads' ? disabledPacketNames.filter((name) => name !== 'T') : disabledPacketNames.filter((name) => name === word);
    if (names.length === 0) return null;
    for (const name of names) found.add(name);
  }
  return found;
}

function finish(command: ServerCommand, rest: string[]): Invocation {
  if (command.mode === 'attach') {
    const pid = Number(rest[0]);
    if (rest.length !== 1 || !Number.isInteger(pid) || pid <= 0) return wrong('--attach needs COMM and the number of a process.');
    return { kind: 'serve', command: { ...command, pid } };
  }
  const [program, ...args] = rest;
  if (program === undefined && command.mode !== 'multi') return wrong('The program to debug is missing.');
  return { kind: 'serve', command: { ...command, program: program ?? null, args } };
}
