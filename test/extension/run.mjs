// Runs the suite inside VS Code with runTests() of @vscode/test-electron, on the bundles that `npm run build` made.
// $VSCODE_EXECUTABLE names the VS Code; without it the VS Code server is used where it is installed, and else the desktop
// build is downloaded.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { runTests } from '@vscode/test-electron';
import { build } from 'esbuild';
import { checkout, hostDirectory, isInstalled } from '../host/location.mjs';
import { copySample } from './workspace.mjs';

function executable() {
  if (process.env.VSCODE_EXECUTABLE) return process.env.VSCODE_EXECUTABLE;
  return isInstalled(hostDirectory()) ? path.join(checkout, 'test/host/electronShim.mjs') : undefined;
}

const output = path.join(checkout, 'test/output/extension');
const profile = mkdtempSync(path.join(tmpdir(), 'rollpoint-profile-'));
const workspace = copySample({ build: true });
try {
  await build({
    absWorkingDir: checkout,
    entryPoints: ['test/extension/suite/index.ts'],
    outfile: path.join(output, 'suite.js'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    sourcemap: 'inline',
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
  });
  const vscodeExecutablePath = executable();
  console.log(`VS Code: ${vscodeExecutablePath ? path.relative(checkout, vscodeExecutablePath) : 'downloaded'}`);
  process.exitCode = await runTests({
    ...(vscodeExecutablePath ? { vscodeExecutablePath } : {}),
    extensionDevelopmentPath: checkout,
    extensionTestsPath: path.join(output, 'suite.js'),
    launchArgs: [
      workspace.folder,
      '--disable-workspace-trust',
      `--user-data-dir=${path.join(profile, 'user')}`,
      `--extensions-dir=${path.join(profile, 'extensions')}`,
    ],
  });
} catch (error) {
  // The suite has told its failures; anything else has a message of its own.
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  workspace.remove();
}
