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

function run(command, args, options) {
  const [file, list] = asOrdinaryUser(command, args);
  const result = spawnSync(file, list, options);
  if (result.error) throw new Error('setpriv is missing: install the package util-linux.');
  return result.status === 0;
}

const canRead = (...files) => run('sh', ['-c', 'for f; do test -r "$f" || exit 1; done', 'sh', ...files]);

/** A home and a place for temporary files below `scratch`, which the caller removes: `{ env, tmp }`. */
export function ordinaryHome(scratch) {
  chmodSync(scratch, 0o755);
  const home = mkdtempSync(path.join(scratch, 'h'));
  const tmp = mkdtempSync(path.join(scratch, 't'));
  for (const folder of [home, tmp]) chownSync(folder, uid, uid);
  const env = { HOME: home, TMPDIR: tmp, USER: 'ordinary', LOGNAME: 'ordinary', XDG_RUNTIME_DIR: '', XDG_CACHE_HOME: '' };
  return { env, tmp };
}

function copyCheckout(cwd, node, scratch) {
  console.log('Copying the checkout: an ordinary user cannot read this one …');
  mkdirSync(cwd);
  for (const part of ['package.json', 'tsconfig.json', '.config', 'adapter', 'native', 'dist', 'test', 'node_modules']) {
    if (!existsSync(at(part))) continue;
    cpSync(at(part), path.join(cwd, part), {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
      filter: (source) => !/\/(native\/build\/(objects|unit)|test\/debuggees\/build|test\/output)$/.test(source),
    });
  }
  spawnSync('chown', ['-R', `${uid}:${uid}`, cwd]);
  // Anew: their debug information names the folder that they were compiled in.
  const env = { ...process.env, ...ordinaryHome(scratch).env };
  if (!run(node, ['test/debuggees/build.mjs'], { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] })) {
    throw new Error('The debuggees could not be built by the ordinary user, see above.');
  }
}

/** Where the ordinary user finds the checkout and Node: `{ cwd, node }`, below `scratch` where need be. */
export function ordinaryCheckout(scratch) {
  chmodSync(scratch, 0o755);
  let node = process.execPath;
  if (!canRead(node)) {
    node = path.join(scratch, 'node');
    copyFileSync(process.execPath, node);
    chmodSync(node, 0o755);
  }
  if (canRead(at('package.json'), at('node_modules/mocha/package.json'), at('native/build/Release/rollpoint.node'))) {
    return { cwd: root, node };
  }
  const cwd = path.join(scratch, 'c');
  copyCheckout(cwd, node, scratch);
  return { cwd, node };
}
