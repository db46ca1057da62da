// Packets about the process as a whole: ?, !, vRun, vAttach, vKill, k, D, R.
// What it is started with stands in the settings; how it is done is the target's.
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Client, Handler, HandlerTable } from './client';
import { hexToText, parseHex, PacketError } from './encoding';
import { stopReply } from './stopReply';
import type { RunOptions, TargetStop } from './target';

/** What the settings say about the next program. */
export function runOptions(settings: Client['settings'], program: string, args: readonly string[]): RunOptions {
  return {
    program,
    args: [...args],
    wrapper: settings.wrapper,
    env: [...settings.environment].map(([name, value]) => `${name}=${value}`),
    disableAslr: settings.disableAslr,
    shell: settings.shell,
    detachedStdio: settings.detachedStdio,
    ...(settings.cwd === null ? {} : { cwd: settings.cwd }),
  };
}

/** A file below our working directory is meant before one on PATH, as with gdbserver. */
function absolute(program: string | null): string | null {
  return program !== null && statSync(program, { throwIfNoEntry: false })?.isFile() ? resolve(program) : program;
}

/** Starts the program of the settings and says so as gdbserver does. */
export async function startProgram(client: Pick<Client, 'target' | 'settings' | 'log'>): Promise<TargetStop> {
  const { args } = client.settings;
  const program = absolute(client.settings.program);
  if (program === null) throw new PacketError('No program to debug');
  const stop = await client.target.run(runOptions(client.settings, program, args));
  client.log.notice(`Process ${program} created; pid = ${stop.pid}`);
  return stop;
}

const status: Handler = async (client) => {
  const { lastStop, process } = client.target;
  if (process) {
    if (lastStop) return stopReply(client, lastStop);
    // It still runs, left by an earlier client: this one expects it to stand still.
    const stopped = client.nextStop();
    await client.target.interrupt();
    const stop = client.target.lastStop ?? (await stopped);
    if (!stop) return null;
    return stopReply(client, stop.state === 'stopped' && stop.cause.kind === 'interrupt' ? { ...stop, cause: { kind: 'attached' } } : stop);
  }
  if (lastStop && lastStop.state !== 'stopped' && !client.settings.extended) return stopReply(client, lastStop);
  return 'W00';
};

const run: Handler = async (client, args) => {
  if (client.target.process) throw new PacketError('a process is there already');
  const [program, ...rest] = args.split(';').map(hexToText);
  if (program) client.settings.program = program;
  client.settings.args = rest;
  client.forgetProcess();
  return stopReply(client, await startProgram(client));
};

const attach: Handler = async (client, args) => {
  if (client.target.process) throw new PacketError('a process is there already');
  client.forgetProcess();
  const stop = await client.target.attach(parseHex(args));
  client.log.notice(`Attached; pid = ${stop.pid}`);
  return stopReply(client, stop);
};

async function killProcess(client: Client): Promise<void> {
  const { process } = client.target;
  if (!process) return;
  client.log.notice(`Killing process(es): ${process.pid}`);
  await client.target.kill();
  client.forgetProcess();
}

const kill: Handler = async (client) => {
  await killProcess(client);
  if (!client.settings.extended) client.host.close(true);
  return null;
};

const killByPid: Handler = async (client, args) => {
  if (client.process.pid !== parseHex(args)) throw new PacketError('no such process');
  await killProcess(client);
  return 'OK';
};

const detach: Handler = async (client, args) => {
  const { pid } = client.process;
  if (args !== '' && parseHex(args.replace(/^;/, '')) !== pid) throw new PacketError('no such process');
  client.log.notice(`Detaching from process ${pid}`);
  await client.target.detach();
  client.forgetProcess();
  if (!client.settings.extended) client.host.close(true);
  return 'OK';
};

const restart: Handler = async (client) => {
  if (!client.settings.extended) return '';
  await killProcess(client);
  await startProgram(client);
  return null;
};

export const processHandlers: HandlerTable = {
  '?': status,
  '!': (client) => {
    client.settings.extended = true;
    return 'OK';
  },
  vRun: run,
  vAttach: attach,
  vKill: killByPid,
  k: kill,
  D: detach,
  R: restart,
};
