// A workspace for a test: a copy of the sample project in a temporary folder.
// Must not know which tests use it.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { checkout } from '../host/location.mjs';

/** `build`: runs the sample's own build task. `remove` is to be called in the end. */
export function copySample({ build }) {
  const parent = realpathSync(mkdtempSync(path.join(tmpdir(), 'rollpoint-sample-')));
  const folder = path.join(parent, 'warehouse');
  cpSync(path.join(checkout, 'test/sample'), folder, {
    recursive: true,
    filter: (source) => !source.startsWith(path.join(checkout, 'test/sample/build')),
  });
  if (build) {
    const [task] = JSON.parse(readFileSync(path.join(folder, '.vscode/tasks.json'), 'utf8')).tasks;
    const { status } = spawnSync('sh', ['-c', task.command], { cwd: folder, stdio: 'inherit' });
    if (status !== 0) throw new Error('The sample does not build. Is g++ installed?');
  }
  return { folder, remove: () => rmSync(parent, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }) };
}
