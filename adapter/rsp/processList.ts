// The process list behind `info os processes`, read from /proc of the machine that the server runs on.
// Stands beside the target: it is about the machine, not about the debuggee.
import { readdir, readFile, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { PacketError } from './encoding';
import { escapeXml } from './targetXml';

async function userNames(): Promise<Map<number, string>> {
  const names = new Map<number, string>();
  try {
    for (const line of (await readFile('/etc/passwd', 'utf8')).split('\n')) {
      const [name, , uid] = line.split(':');
      if (name && uid) names.set(Number(uid), name);
    }
  } catch {
    const own = userInfo();
    names.set(own.uid, own.username);
  }
  return names;
}

interface ProcessLine {
  pid: number;
  user: string;
  command: string;
  cores: string;
}

/** Field 39 of /proc/PID/stat (proc(5)): the processor last run on. The name before it may hold blanks and brackets. */
async function coreOf(path: string): Promise<string> {
  const text = await readFile(`${path}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[36] ?? '0';
}

async function readProcess(pid: number, names: ReadonlyMap<number, string>): Promise<ProcessLine | null> {
  try {
    const path = `/proc/${pid}`;
    const uid = (await stat(path)).uid;
    const tasks = await readdir(`${path}/task`);
    const cores = await Promise.all(tasks.map((tid) => coreOf(`${path}/task/${tid}`)));
    const line = (await readFile(`${path}/cmdline`, 'utf8')).split('\0').join(' ').trim();
    const command = line === '' ? `[${(await readFile(`${path}/comm`, 'utf8')).trim()}]` : line;
    return { pid, user: names.get(uid) ?? String(uid), command, cores: [...new Set(cores)].sort().join(',') };
  } catch {
    return null; // It ended while we looked.
  }
}

export async function processListXml(annex: string): Promise<string> {
  const header = '<?xml version="1.0"?>\n<!DOCTYPE target SYSTEM "osdata.dtd">\n';
  const column = (name: string, value: string): string => `<column name="${name}">${escapeXml(value)}</column>`;
  if (annex === '') {
    const item = column('Type', 'processes') + column('Description', 'Listing of all processes') + column('Title', 'Processes');
    return `${header}<osdata type="types"><item>${item}</item></osdata>`;
  }
  if (annex !== 'processes') throw new PacketError(`no list of ${annex}`, 0);
  const names = await userNames();
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const lines = (await Promise.all(pids.map((pid) => readProcess(pid, names)))).filter((line) => line !== null);
  const items = lines.map(
    (line) =>
      `<item>${column('pid', String(line.pid))}${column('user', line.user)}${column('command', line.command)}${column('cores', line.cores)}</item>`,
  );
  return `${header}<osdata type="processes">${items.join('')}</osdata>`;
}
