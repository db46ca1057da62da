// rollpoint-server: the remote-protocol server alone, with gdbserver's command line, for plain gdb.
// Only wires core, target and server together; knows no packets.
import { execFileSync } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import { messageOf } from './errors';
import { Core } from './core/core';
import { CoreTarget } from './core/coreTarget';
import { describeMachine, loadAddon } from './core/load';
import { PeekTarget } from './core/peekTarget';
import { StartupExit } from './core/start';
import { SnapshotBook } from './core/snapshotBook';
import { parseAddress, type Address } from './rsp/address';
import { defaultSettings, type ServerLog, type ServerSettings } from './rsp/client';
import { parseCommandLine, usage, type ServerCommand } from './rsp/commandLine';
import { startProgram } from './rsp/processes';
import { RspServer } from './rsp/server';

declare const ROLLPOINT_VERSION: string | undefined;
const version = typeof ROLLPOINT_VERSION === 'string' ? ROLLPOINT_VERSION : 'development';

function print(message: string): void {
  process.stderr.write(message + '\n');
}

function createLog(command: ServerCommand, settings: ServerSettings): ServerLog {
  const { debugFile } = command;
  if (debugFile !== null) writeFileSync(debugFile, '');
  return {
    notice: print,
    trace: (message) => {
      if (!settings.debug && !settings.tracePackets) return;
      if (debugFile === null) print(message);
      else appendFileSync(debugFile, message + '\n');
    },
  };
}

function gdbVersion(): string | null {
  try {
    return execFileSync('gdb', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 }).split('\n')[0] ?? null;
  } catch {
    return null;
  }
}

function settingsOf(command: ServerCommand, address: Address): ServerSettings {
  const { program, args, disableAslr, shell, wrapper, disabledPackets, debug, tracePackets } = command;
  return {
    ...defaultSettings(process.env),
    program,
    args,
    disableAslr,
    shell,
    wrapper,
    disabledPackets,
    debug,
    tracePackets,
    extended: command.mode === 'multi',
    detachedStdio: address.kind === 'stdio',
  };
}

function listenFailure(address: Exclude<Address, { kind: 'stdio' }>, error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  // The wording of gdbserver, which scripts wait for.
  if (code === 'EADDRINUSE') return "Can't bind address: Address already in use.";
  if (address.kind === 'tcp' && (code === 'ENOTFOUND' || code === 'EAI_AGAIN')) return `${address.host}:${address.port}: cannot resolve name: ${messageOf(error)}`;
  return `Can't bind address: ${messageOf(error)}.`;
}

async function serve(command: ServerCommand): Promise<number> {
  const address = parseAddress(command.comm);
  const core = new Core(loadAddon());
  const target: PeekTarget = new PeekTarget(new CoreTarget(core), core, (id) => book.goTo(id));
  const book = new SnapshotBook(core, target);
  target.snapshots = book;
  const settings = settingsOf(command, address);
  const log = createLog(command, settings);
  core.on('log', (message) => log.trace(message));
  core.on('revived', ({ id, newPid, warnings }) => {
    log.notice(`The program was killed; snapshot ${id} has been restored into a new process (pid ${newPid}).`);
    for (const { message } of warnings) log.notice(message);
  });
  core.on('focus', ({ message }) => {
    if (message) log.notice(message);
  });
  if (command.debug) log.trace(describeMachine(version, gdbVersion(), core.capabilities));

  const server = new RspServer({ target, settings, log, once: command.once });
  const stop = (): void => server.close();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, stop);
  try {
    if (settings.detachedStdio) log.notice('stdin/stdout redirected');
    if (command.pid !== null) {
      await target.attach(command.pid);
      log.notice(`Attached; pid = ${command.pid}`);
    } else if (command.program !== null) {
      await startProgram({ target, settings, log });
    }
    if (address.kind === 'stdio') {
      log.notice('Remote debugging using stdio');
      await server.serveStreams(process.stdin, process.stdout);
    } else {
      try {
        const port = await server.listen(address);
        log.notice(port === null ? `Listening on ${command.comm}` : `Listening on port ${port}`);
      } catch (error) {
        print(listenFailure(address, error));
        return 1;
      }
      await server.finished;
    }
    return 0;
  } finally {
    await core.dispose();
  }
}

async function main(): Promise<number> {
  const invocation = parseCommandLine(process.argv.slice(2));
  switch (invocation.kind) {
    case 'help':
      process.stdout.write(usage);
      return 0;
    case 'version':
      process.stdout.write(`rollpoint-server ${version}\n`);
      return 0;
    case 'selftest':
      // gdbserver's words for a build without them; ours are in the checkout ("npm test").
      process.stdout.write('Selftests have been disabled for this build.\n');
      return 0;
    case 'wrong':
      print(`${invocation.message}\n\n${usage}`);
      return 1;
    case 'serve':
      return serve(invocation.command);
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const message = error instanceof StartupExit ? `During startup program ${error.outcome}.` : `rollpoint-server: ${messageOf(error)}`;
    print(`${message}\nExiting`);
    process.exit(1);
  },
);
