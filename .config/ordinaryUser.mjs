// Runs a test stage as somebody without any right: uid 12345, no groups, no capabilities, a home of its own.
// Where the checkout cannot be read by others (a clone under /root), that user gets a copy to work in.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import * as path from 'node:path';
import { at, root } from './paths.mjs';

export const uid = 12345;

/** Command line that runs `command` as the ordinary user. */
export function asOrdinaryUser(command, args) {
  const drop = ['--reuid', uid, '--regid', uid, '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'].map(String);
  return ['setpriv', [...drop, '--', command, ...args]];
}

const canRead = (...files) => {
  const [command, args] = asOrdinaryUser('sh', ['-c', 'for f; do test -r "$f" || exit 1; done', 'sh', ...files]);
  const result = spawnSync(command, args);
  if (result.error) throw new Error('setpriv is missing: install the package util-linux.');
  return result.status === 0;
};

/** A place for one run: `{ cwd, node, env }`. Everything in it lies under `scratch`, which the caller removes. */
export function ordinaryUserPlace(scratch) {
  chmodSync(scratch, 0o755);
  const home = mkdtempSync(path.join(scratch, 'h'));
  const tmp = mkdtempSync(path.join(scratch, 't'));
  for (const folder of [home, tmp]) chownSync(folder, uid, uid);
  const env = { HOME: home, TMPDIR: tmp, USER: 'ordinary', LOGNAME: 'ordinary', XDG_RUNTIME_DIR: '', XDG_CACHE_HOME: '' };

  let node = process.execPath;
  if (!canRead(node)) {
    node = path.join(scratch, 'node');
    copyFileSync(process.execPath, node);
    chmodSync(node, 0o755);
  }
  if (canRead(at('package.json'), at('node_modules/mocha/package.json'), at('native/build/Release/rollpoint.node'))) {
    return { cwd: root, node, env, tmp };
  }
  const cwd = path.join(scratch, 'c');
  mkdirSync(cwd);
  for (const part of ['package.json', 'tsconfig.json', '.config', 'adapter', 'native', 'dist', 'test', 'node_modules']) {
    if (!existsSync(at(part))) continue;
    cpSync(at(part), path.join(cwd, part), {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
      filter: (source) => !/\/(\.vscode-host|objects)$/.test(source),
    });
  }
  spawnSync('chown', ['-R', `${uid}:${uid}`, cwd]);
  return { cwd, node, env, tmp };
}
