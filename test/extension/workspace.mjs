// A workspace for a test: the sample project, built, in a temporary folder that the caller removes.
// Must not know which tests use it.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { checkout } from '../host/location.mjs';

/** `build`: runs the sample's own build task. */
export function copySample({ build }) {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'rollpoint-sample-')));
  cpSync(path.join(checkout, 'test/sample'), folder, {
    recursive: true,
    filter: (source) => !source.startsWith(path.join(checkout, 'test/sample/build')),
  });
  if (build) {
    const [task] = JSON.parse(readFileSync(path.join(folder, '.vscode/tasks.json'), 'utf8')).tasks;
    const { status } = spawnSync('sh', ['-c', task.command], { cwd: folder, stdio: 'inherit' });
    if (status !== 0) throw new Error('The sample does not build. Is g++ installed?');
  }
  return folder;
}
