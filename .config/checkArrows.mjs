// Keeps the arrows that ESLint cannot see: #include lines of native/src go binding → supervisor → snapshot → resources →
// tracee → memory → util.
// Also checks that the top level of the repository holds only what it may, and that no file grew out of hand.
import { readFileSync, readdirSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import { at, root } from './paths.mjs';

/** From the top down; a folder may include itself and whatever stands in a later row. */
const layers = [['binding'], ['supervisor'], ['snapshot'], ['resources'], ['tracee'], ['memory'], ['util']];
const longest = 400;
const topLevel = new Set(
  'package.json package.nls.json package-lock.json tsconfig.json extension adapter native media test README.md LICENSE CHANGELOG.md'.split(' '),
);

const rank = (folder) => layers.findIndex((row) => row.includes(folder));
const errors = [];
const warnings = [];

const source = at('native/src');
for (const file of readdirSync(source, { recursive: true }).filter((name) => /\.(cc|h)$/.test(name))) {
  const lines = readFileSync(path.join(source, file), 'utf8').split('\n');
  const folder = path.dirname(file).split('/')[0];
  if (rank(folder) < 0) errors.push(`native/src/${file}: the folder ${folder} has no place in the layers of .config/checkArrows.mjs`);
  lines.forEach((line, index) => {
    const included = /^\s*#\s*include\s+"([^"]+)"/.exec(line)?.[1];
    if (!included) return;
    const target = included.includes('/') ? path.normalize(included).split('/').at(0) : folder;
    if (rank(target) < 0) errors.push(`native/src/${file}:${index + 1}: write includes as "folder/file.h" from native/src: ${included}`);
    else if (rank(target) < rank(folder)) errors.push(`native/src/${file}:${index + 1}: ${folder} must not include ${included}`);
  });
  if (lines.length > longest * 1.1) warnings.push(`native/src/${file}: ${lines.length} lines; aim at ${longest}`);
}

const tracked = execFileSync('git', ['-c', 'safe.directory=*', '-C', root, 'ls-files', '-z'], { encoding: 'utf8' }).split('\0').filter(Boolean);
for (const name of new Set(tracked.map((file) => file.split('/')[0]))) {
  if (!name.startsWith('.') && !topLevel.has(name)) errors.push(`${name}: does not belong in the top level`);
}

for (const line of warnings) console.warn(`warning: ${line}`);
for (const line of errors) console.error(`error: ${line}`);
process.exitCode = errors.length > 0 ? 1 : 0;
