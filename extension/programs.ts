// Finds programs that can be debugged: executables of a folder, of a source file, of a command name.
// Reads the file system only; must not know VS Code.

import { constants } from 'node:fs';
import { access, open, readdir, stat } from 'node:fs/promises';
import * as path from 'node:path';

/** Folders that hold no program of the user's, or too much to look through. */
const skipped = new Set(['node_modules', 'deps', 'build-script-build', 'incremental', 'CMakeFiles', '.git', '.vscode']);
const maxDepth = 4;
const maxEntries = 5000;

export type ProgramState = 'ok' | 'missing' | 'directory' | 'notExecutable' | 'notElf';

export async function stateOfProgram(file: string): Promise<ProgramState> {
  const found = await stat(file).catch(() => undefined);
  if (!found) return 'missing';
  if (!found.isFile()) return 'directory';
  if (!(await isExecutable(file))) return 'notExecutable';
  return (await isElfProgram(file)) ? 'ok' : 'notElf';
}

/** Executables below a folder, youngest first: what the user has just built. */
export async function findPrograms(folder: string): Promise<string[]> {
  const found: { file: string; changed: number }[] = [];
  let seen = 0;
  const visit = async (directory: string, depth: number): Promise<void> => {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (++seen > maxEntries) return;
      const file = path.join(directory, entry.name);
      if (entry.isDirectory()) {
        if (depth < maxDepth && !skipped.has(entry.name)) await visit(file, depth + 1);
      } else if (entry.isFile() && !/\.(so(\.[0-9.]+)?|o|a|node)$/.test(entry.name)) {
        const { mode, mtimeMs } = await stat(file).catch(() => ({ mode: 0, mtimeMs: 0 }));
        if (mode & 0o111 && (await isElfProgram(file))) found.push({ file, changed: mtimeMs });
      }
    }
  };
  await visit(folder, 0);
  return found.sort((a, b) => b.changed - a.changed).map(({ file }) => file);
}

/** The program that a compiler would by habit have made of a source file: same folder and name, without extension. */
export async function programBeside(source: string): Promise<string | undefined> {
  const { dir, name } = path.parse(source);
  for (const candidate of [path.join(dir, name), path.join(dir, `${name}.out`), path.join(dir, 'a.out')]) {
    if ((await stateOfProgram(candidate)) === 'ok') return candidate;
  }
  return undefined;
}

/** Full path of a command: as given when it has a slash, else the first on PATH. */
export async function findCommand(command: string, searchPath: string): Promise<string | undefined> {
  if (command.includes('/')) return (await isExecutable(command)) ? command : undefined;
  for (const directory of searchPath.split(':')) {
    const candidate = path.join(directory || '.', command);
    if ((await isExecutable(candidate)) && (await stat(candidate)).isFile()) return candidate;
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** ELF header, gABI: magic, then e_type at 16 (2: executable, 3: position-independent, which shared objects are too). */
async function isElfProgram(file: string): Promise<boolean> {
  const handle = await open(file).catch(() => undefined);
  if (!handle) return true; // Executable but not readable: let gdb judge.
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(18), 0, 18, 0);
    if (bytesRead < 18 || buffer.toString('latin1', 0, 4) !== '\x7fELF') return false;
    return [2, 3].includes(buffer.readUInt16LE(16));
  } finally {
    await handle.close();
  }
}
