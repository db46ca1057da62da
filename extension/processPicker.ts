// The list of processes for `${command:pickProcess}`.
// Reads /proc; must not know the debugger.

import { readdir, readFile, stat } from 'node:fs/promises';
import * as vscode from 'vscode';

interface RunningProcess {
  pid: number;
  name: string;
  commandLine: string;
}

/** The chosen pid as text, as VS Code expects of a command variable; undefined when the user turned away. */
export async function pickProcess(): Promise<string | undefined> {
  const items = runningProcesses().then((processes) =>
    processes.map(({ pid, name, commandLine }) => ({
      label: name,
      description: String(pid),
      detail: commandLine,
      pid,
    })),
  );
  const picked = await vscode.window.showQuickPick(items, {
    title: 'Attach to a process',
    placeHolder: 'Name, process id or command line',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return picked && String(picked.pid);
}

/** Those that this user may debug, youngest first; without kernel threads and this extension host. */
async function runningProcesses(): Promise<RunningProcess[]> {
  const user = process.getuid?.();
  const found = await Promise.all(
    (await readdir('/proc'))
      .filter((entry) => /^[0-9]+$/.test(entry) && Number(entry) !== process.pid)
      .map(async (entry): Promise<RunningProcess | undefined> => {
        try {
          const directory = `/proc/${entry}`;
          if (user !== 0 && (await stat(directory)).uid !== user) return undefined;
          const [name, commandLine] = await Promise.all([
            readFile(`${directory}/comm`, 'utf8'),
            readFile(`${directory}/cmdline`, 'utf8'),
          ]);
          if (!commandLine) return undefined;
          return { pid: Number(entry), name: name.trim(), commandLine: commandLine.split('\0').join(' ').trim() };
        } catch {
          return undefined; // Ended meanwhile.
        }
      }),
  );
  return found.filter((entry) => entry !== undefined).sort((a, b) => b.pid - a.pid);
}
