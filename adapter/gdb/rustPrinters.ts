// Finds the pretty-printers of the Rust toolchain and loads them into gdb, as the rust-gdb script does.
// Must not know anything else about Rust.
import { execFile } from 'node:child_process';
import { access, readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Gdb } from './backend';

const script = 'gdb_load_rust_pretty_printers.py';

/** Does nothing for programs that do not name the printers, or where no toolchain is installed. */
export async function loadRustPrinters(gdb: Gdb, program: string): Promise<void> {
  if (!gdb.hasPython || !(await namesPrinters(program))) {
    return;
  }
  const folder = await findFolder();
  if (folder) {
    await gdb.python(`import sys\nsys.path.insert(0, ${JSON.stringify(folder)})`);
    await gdb.command(`-interpreter-exec console "add-auto-load-safe-path ${folder}"`);
    await gdb.command(`-interpreter-exec console "directory ${folder}"`);
  }
}

/** The section .debug_gdb_scripts holds the name as text. */
async function namesPrinters(program: string): Promise<boolean> {
  return readFile(program).then((bytes) => bytes.includes(script), () => false);
}

async function findFolder(): Promise<string | undefined> {
  const home = process.env.RUSTUP_HOME ?? join(homedir(), '.rustup');
  const toolchains = await readdir(join(home, 'toolchains')).catch(() => []);
  const roots = [
    await sysroot('rustc'),
    await sysroot(join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'bin', 'rustc')),
    ...toolchains.map((name) => join(home, 'toolchains', name)),
    '/usr',
    '/usr/local',
  ];
  for (const root of roots) {
    const folder = root && join(root, 'lib/rustlib/etc');
    if (folder && (await access(join(folder, script)).then(() => true, () => false))) {
      return folder;
    }
  }
  return undefined;
}

function sysroot(rustc: string): Promise<string | undefined> {
  return new Promise((done) => {
    execFile(rustc, ['--print', 'sysroot'], { timeout: 5000 }, (error, stdout) => done(error ? undefined : stdout.trim()));
  });
}
