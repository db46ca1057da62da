// Makes a fresh Debian or Ubuntu machine with Node able to build, start and test Rollpoint. Runs before node_modules exist,
// so it imports only Node's own modules. Each step does nothing when its result is there already.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { at, root } from './paths.mjs';
import { browser, installPackages, required } from './systemPackages.mjs';

export const hostInstaller = at('test/host/install.mjs');

function run(what, command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (result.error) throw new Error(`${what}: ${result.error.message}`);
  if (result.status !== 0) throw new Error(`${what} failed (${result.signal ?? `exit code ${result.status}`}), see above.`);
}

export function npm(args, options = {}) {
  // npm's own settings for the script that runs now would reach the inner npm as if they were ours.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(config_|lifecycle|package_)/.test(name) || /^npm_config_(cafile|registry|nodedir|proxy|https_proxy|noproxy|cache|userconfig)$/.test(name)));
  const cli = process.env.npm_execpath;
  const [command, first] = cli?.endsWith('.js') ? [process.execPath, [cli]] : ['npm', []];
  run(`npm ${args.join(' ')}`, command, [...first, ...args], { env, ...options });
}

function checkMachine() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) throw new Error(`Node ${process.version} is too old: Rollpoint needs Node 20 or later.`);
  if (process.platform !== 'linux') throw new Error(`Rollpoint runs on Linux; this is ${process.platform}.`);
  if (process.arch !== 'x64') throw new Error(`Rollpoint knows x86-64 so far; this machine is ${process.arch}.`);
}

/** True when every package of package-lock.json that belongs on this machine is in node_modules, in its version. */
function modulesInstalled() {
  const installedFile = at('node_modules/.package-lock.json');
  if (!existsSync(installedFile)) return false;
  const read = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const [wanted, installed] = [read(at('package-lock.json')), read(installedFile)];
  return Object.entries(wanted).every(
    ([name, { version, optional, link }]) => name === '' || optional || link || installed[name]?.version === version,
  );
}

/**
 * `tests`: also what `npm test` uses. `host`: the VS Code server, and for tests a browser to show it in.
 * Throws an Error whose message says what is missing and what to do.
 */
export async function setup({ tests = false, host = false } = {}) {
  checkMachine();
  installPackages(required({ tests, host, browser: tests && host }));
  if (!modulesInstalled()) {
    console.log('Installing the packages of package-lock.json …');
    npm(['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  }
  run('The build', process.execPath, [at('.config/build.mjs')]);
  if (tests) run('The build of the debuggees', process.execPath, [at('test/debuggees/build.mjs')]);
  if (host) {
    run('The installation of the VS Code server', process.execPath, [hostInstaller]);
    if (tests) process.env.CHROMIUM_PATH ??= browser();
  }
}
