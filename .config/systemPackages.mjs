// Which programs of the system Rollpoint needs, in which Debian or Ubuntu package each is, and how to get them.
// As root they are installed; as a user with password-less sudo likewise; else the command to run is printed.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import * as path from 'node:path';

/** Absolute path of `name` on PATH (or in a folder that apt installs to), or null. */
export function which(name) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  for (const folder of folders.filter(Boolean)) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Look further.
    }
  }
  return null;
}

/** A browser for the VS Code server. Ubuntu's package is a door to a snap, which headless tests cannot use. */
export function browser() {
  const candidates = [process.env.CHROMIUM_PATH, 'chromium', 'google-chrome-stable', 'google-chrome', 'chromium-browser'];
  for (const name of candidates.filter(Boolean)) {
    const file = name.includes('/') ? (existsSync(name) ? name : null) : which(name);
    if (!file) continue;
    const real = realpathSync(file);
    const isSnap = real.includes('/snap') || (name === 'chromium-browser' && /snap/.test(readFileSync(real, 'latin1').slice(0, 4096)));
    if (!isSnap) return file;
  }
  return null;
}

/** rustup puts it where a login shell finds it, which the shell of a test run often is not. */
function rustc() {
  const ofRustup = path.join(homedir(), '.cargo/bin/rustc');
  return which('rustc') ?? (existsSync(ofRustup) ? ofRustup : null);
}

function hasRustPrinters() {
  const compiler = rustc();
  const own = compiler && spawnSync(compiler, ['--print', 'sysroot'], { encoding: 'utf8' }).stdout?.trim();
  return [own, '/usr'].some((folder) => folder && existsSync(path.join(folder, 'lib/rustlib/etc/gdb_load_rust_pretty_printers.py')));
}

const program = (name, packageName = name) => ({ package: packageName, present: () => which(name) !== null });

const always = [program('g++'), program('gdb')];
/** For the VS Code server: its own native parts are built by node-gyp. */
const forHost = [program('make'), program('python3')];
const forBrowser = [{ package: 'chromium', present: () => browser() !== null }];
const forTests = [
  program('make'),
  program('python3'),
  program('gdbserver'),
  program('sqlite3'),
  program('xz', 'xz-utils'),
  program('zstd'),
  program('setpriv', 'util-linux'),
  program('git'),
  program('mkfs.xfs', 'xfsprogs'),
  program('redis-check-rdb', 'redis-tools'),
  program('apache2', 'apache2-bin'),
  { package: 'rustc', present: () => rustc() !== null },
  // gdb's printers of Rust's collections; a toolchain of rustup has them inside.
  { package: 'rust-gdb', present: hasRustPrinters },
];

export function required({ tests = false, host = false, browser: wantsBrowser = false }) {
  const list = [...always, ...(host ? forHost : []), ...(tests ? forTests : []), ...(wantsBrowser ? forBrowser : [])];
  return [...new Map(list.map((entry) => [entry.package, entry])).values()];
}

const missingOf = (list) => list.filter((entry) => !entry.present()).map((entry) => entry.package);

/** Runs apt-get as root would; returns false where it may not. */
function apt(prefix, args) {
  const [command, ...rest] = [...prefix, 'apt-get', ...args];
  const result = spawnSync(command, rest, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return result.status === 0;
}

/** Installs what is missing. Throws an Error that names what could not be had, and the command to run. */
export function installPackages(wanted) {
  const missing = missingOf(wanted);
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  const isRoot = process.getuid() === 0;
  const sudo = !isRoot && which('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
  if (!which('apt-get')) {
    throw new Error(`Missing: ${missing.join(' ')} (names of the Debian packages). Install them, then run this again.`);
  }
  if (!isRoot && !sudo) {
    throw new Error(`Missing: ${missing.join(' ')}. Run this, then try again:\n\n  sudo ${command}\n`);
  }
  console.log(`Installing ${missing.join(' ')} …`);
  const prefix = isRoot ? [] : ['sudo', '-n'];
  const lists = ['-o', 'Acquire::Retries=3', '-o', 'DPkg::Lock::Timeout=300'];
  // The package lists of a fresh machine are empty or old; without them an install names files that are gone.
  const updated = apt(prefix, [...lists, '-qq', 'update']);
  apt(prefix, [...lists, 'install', '-y', '-qq', '--no-install-recommends', ...missing]);
  const still = missingOf(wanted);
  if (still.length > 0) {
    throw new Error(
      `Missing package${still.length > 1 ? 's' : ''}: ${still.join(' ')}. ` +
        `apt-get could not install ${still.length > 1 ? 'them' : 'it'}${updated ? '' : ' (nor update its lists)'}, see above.`,
    );
  }
}
