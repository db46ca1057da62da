// gdb's `monitor` commands: snapshots, debug switches, exit.
// Turns text into calls and results into text; what a snapshot is belongs to the target.
import type { Client, Handler, HandlerTable } from './client';
import { errorReply, hexToText } from './encoding';
import type { SnapshotCommands, SnapshotLine } from './target';

/** A command that cannot be carried out; the message is for the person at gdb. */
class MonitorError extends Error {}

type Command = (client: Client, argument: string) => Promise<string> | string;

const help = [
  'The following monitor commands are supported:',
  '  snapshot [LABEL]     Take a snapshot of the whole process',
  '  snapshots            List the snapshots; * marks the one the process stands on or has run on from',
  '  restore N            Arm a restore of snapshot N; the next continue or step rolls the process back to it',
  '  peek N               Arm a look at snapshot N; the next continue or step shows it, and the process stays as it is.',
  '                       What runs or changes the program from there restores the snapshot first',
  '  peek now             Arm the return to the present',
  '  delete N             Delete snapshot N',
  '  follow child|parent  Go with each process that the program starts, or stay with the parent',
  '  follow PID           Go to this process of the program at the next continue or step',
  '  set debug <0|1>      Enable or disable general debugging messages',
  '  set remote-debug <0|1>',
  '                       Enable or disable remote protocol debugging messages',
  '  set debug-format <all|none>',
  '                       Add extra information to debugging messages, or none',
  '  exit                 Quit the server',
  '  help                 Show this list',
  'Reverse-continue goes back to the previous snapshot.',
  '',
].join('\n');

function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

function duration(micros: number): string {
  return micros < 1000 ? `${Math.round(micros)} µs` : `${(micros / 1000).toFixed(1)} ms`;
}

/** The tree, children under their parents, oldest first. */
export function snapshotTable(snapshots: readonly SnapshotLine[], current: number | null): string {
  if (snapshots.length === 0) return 'No snapshots.\n';
  const rows: string[][] = [['', 'Id', 'Adds', 'Took', 'Time', 'Label']];
  const known = new Set(snapshots.map((snapshot) => snapshot.id));
  const visit = (parent: number | null, depth: number): void => {
    for (const snapshot of snapshots) {
      const above = snapshot.parent !== null && known.has(snapshot.parent) ? snapshot.parent : null;
      if (above !== parent) continue;
      rows.push([
        snapshot.id === current ? '*' : '',
        '  '.repeat(depth) + String(snapshot.id),
        bytesText(snapshot.bytes),
        duration(snapshot.pauseMicros),
        new Date(snapshot.createdAt).toLocaleTimeString('en-GB'),
        snapshot.label ?? '',
      ]);
      // A straight line of snapshots stays in one column; only a branch is set in.
      const children = snapshots.filter((child) => child.parent === snapshot.id).length;
      visit(snapshot.id, depth + (children > 1 ? 1 : 0));
    }
  };
  visit(null, 0);
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n') + '\n';
}

function snapshotsOf(client: Client): SnapshotCommands {
  const { snapshots } = client.target;
  if (!snapshots) throw new MonitorError('This server keeps no snapshots.');
  if (!client.target.process) throw new MonitorError('There is no process; start one with "run".');
  return snapshots;
}

function parseId(client: Client, text: string, verb: string): number {
  const known = snapshotsOf(client).list().snapshots;
  if (!/^\d+$/.test(text)) throw new MonitorError(`Which snapshot? Write "monitor ${verb} N"; "monitor snapshots" lists them.`);
  const id = Number(text);
  if (!known.some((snapshot) => snapshot.id === id)) throw new MonitorError(`There is no snapshot ${id}; "monitor snapshots" lists them.`);
  return id;
}

const take: Command = async (client, argument) => {
  const snapshot = await snapshotsOf(client).take(client.currentThread(), argument === '' ? null : argument);
  const warnings = snapshot.warnings.map((warning) => `Warning: ${warning.message}\n`).join('');
  return `Snapshot ${snapshot.id} taken in ${duration(snapshot.pauseMicros)}.\n${warnings}`;
};

const list: Command = (client) => {
  const { snapshots, current } = snapshotsOf(client).list();
  return snapshotTable(snapshots, current);
};

const restore: Command = async (client, argument) => {
  const id = parseId(client, argument, 'restore');
  await snapshotsOf(client).restoreAtResume(id, client.currentThread());
  return `Snapshot ${id} will be restored at the next "continue" or "stepi", which then runs nothing.\n`;
};

const remove: Command = async (client, argument) => {
  const id = parseId(client, argument, 'delete');
  if (client.target.viewing === id) throw new MonitorError(`Snapshot ${id} is on screen: "monitor peek now" first.`);
  await snapshotsOf(client).remove(id);
  return `Snapshot ${id} deleted.\n`;
};

const peek: Command = async (client, argument) => {
  const id = argument === 'now' ? null : parseId(client, argument, 'peek');
  await snapshotsOf(client).peekAtResume(id);
  return id === null ? 'The next continue or step shows the present.\n' : `The next continue or step shows snapshot ${id}.\n`;
};

/** For a debugger's own scripts, which drop what it knows before and after. */
const view: Command = async (client, argument) => {
  const [moment, tid] = argument.split(/\s+/);
  await client.target.show(moment === 'now' ? null : Number(moment), tid === undefined ? null : Number(tid));
  client.transfers.clear();
  return '';
};

const follow: Command = async (client, argument) => {
  const { focus, process } = client.target;
  if (argument === 'child' || argument === 'parent') {
    await focus.followChildren(argument === 'child');
    return argument === 'child' ? 'The debugger will go with each process that the program starts.\n' : 'The debugger will stay with the process that it shows.\n';
  }
  if (!/^\d+$/.test(argument)) throw new MonitorError('Follow whom? Write "monitor follow child", "monitor follow parent" or "monitor follow PID".');
  if (!process) throw new MonitorError('There is no process; start one with "run".');
  focus.focusAtResume(Number(argument));
  return `The debugger will be with process ${argument} at the next "continue" or "stepi", which then runs nothing.\n`;
};

const settings: Command = (client, argument) => {
  const [name, value] = argument.split(/\s+/);
  const on = value === '1' || value === 'on';
  if (name === 'debug') {
    client.settings.debug = on;
    return `Debug output ${on ? 'enabled' : 'disabled'}.\n`;
  }
  if (name === 'remote-debug') {
    client.settings.tracePackets = on;
    return `Protocol debug output ${on ? 'enabled' : 'disabled'}.\n`;
  }
  if (name === 'debug-format' && (value === 'all' || value === 'none')) {
    return `All extra debug format options ${value === 'all' ? 'enabled' : 'disabled'}.\n`;
  }
  throw new MonitorError(`Unknown setting.\n\n${help}`);
};

const exit: Command = async (client) => {
  if (client.target.process) await (client.target.process.attached ? client.target.detach() : client.target.kill());
  client.host.close(true);
  return '';
};

const commands: Readonly<Record<string, Command>> = {
  snapshot: take,
  snapshots: list,
  restore,
  peek,
  _view: view,
  delete: remove,
  follow,
  set: settings,
  exit,
  help: () => help,
};

const monitor: Handler = async (client, args) => {
  const text = hexToText(args).trim();
  const name = text.split(/\s+/, 1)[0] ?? '';
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  try {
    if (!command) throw new MonitorError(`Unknown monitor command.\n\n${help}`);
    client.output(await command(client, text.slice(name.length).trim()));
    return 'OK';
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    client.output(message.endsWith('\n') ? message : message + '\n');
    return errorReply(1);
  }
};

export const monitorHandlers: HandlerTable = { qRcmd: monitor };
