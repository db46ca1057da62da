// The stages of `npm test`, in order: what runs, and as whom. No logic here; .config/test.mjs runs them.
import { existsSync, readdirSync } from 'node:fs';
import * as path from 'node:path';
import { at } from './paths.mjs';

const node = process.execPath;
const bin = (name) => at('node_modules', name);

/** Files under `folder` that end in .test.ts, below the sub-folders that are not named in `except`. */
function testsIn(folder, except = []) {
  if (!existsSync(at(folder))) return [];
  return readdirSync(at(folder), { recursive: true })
    .filter((file) => file.endsWith('.test.ts') && !except.includes(file.split(path.sep)[0]))
    .map((file) => path.join(folder, file))
    .sort();
}

const mocha = (files, more = []) => [
  node,
  ['--import', 'tsx', bin('mocha/bin/mocha.js'), '--config', '.config/mocharc.json', ...more, ...files],
];
const script = (file, ...args) => [node, [file, ...args]];
const mochaStage = (folder, except) => {
  const files = testsIn(folder, except);
  return files.length > 0 ? [mocha(files)] : [];
};

/**
 * `commands`: run one after the other; each counts what it reports (see count() in .config/stageRun.mjs).
 * `users`: `both` runs the stage as root and, beside it, as an ordinary user where we are root.
 * `minutes`: after that the stage is ended and counts as failed.
 * `kinds`: its tests record what comes back; it is compared with README.md when the last user is through.
 */
export const stages = [
  {
    name: 'check',
    title: 'types and lint',
    minutes: 10,
    commands: () => [
      [node, [bin('typescript/bin/tsc'), '--noEmit']],
      [node, [bin('eslint/bin/eslint.js'), '--config', '.config/eslint.config.mjs', '.']],
      script('.config/checkArrows.mjs'),
    ],
  },
  {
    name: 'unit',
    title: 'unit tests, TypeScript and C++',
    minutes: 10,
    commands: () => [...mochaStage('test/unit'), script('test/native/unit/run.mjs')],
  },
  {
    name: 'native',
    title: 'the native core on real processes',
    users: 'both',
    kinds: true,
    minutes: 30,
    commands: () => mochaStage('test/native', ['unit']),
  },
  {
    name: 'server',
    title: 'rollpoint-server with plain gdb',
    users: 'both',
    minutes: 15,
    commands: () => mochaStage('test/server'),
  },
  {
    name: 'adapter',
    title: 'the adapter over DAP',
    users: 'both',
    minutes: 20,
    commands: () => mochaStage('test/adapter'),
  },
  {
    name: 'extension',
    title: 'the extension inside VS Code',
    needs: ['host'],
    minutes: 10,
    commands: () => [script('test/extension/run.mjs')],
  },
  {
    name: 'ui',
    title: 'VS Code by mouse and keyboard',
    needs: ['host'],
    minutes: 30,
    commands: () => [script('test/ui/run.mjs')],
  },
  {
    name: 'package',
    title: 'the VSIX, installed',
    needs: ['host'],
    minutes: 10,
    commands: () => [script('.config/package.mjs'), script('test/package/run.mjs')],
  },
];
