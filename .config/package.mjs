// `npm run package`: dist/rollpoint-linux-x64-VERSION.vsix from what `npm run build` made.
// Staged in a folder of its own, so that what goes in is listed here and nowhere else.
import { spawnSync } from 'node:child_process';
import { cpSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { createVSIX } from '@vscode/vsce';
import { thirdPartyNotices } from './notices.mjs';
import { addon, at, dist } from './paths.mjs';

const manifest = JSON.parse(readFileSync(at('package.json'), 'utf8'));
const stage = path.join(dist, 'stage');
export const packagePath = path.join(dist, `${manifest.name}-linux-x64-${manifest.version}.vsix`);

/**
 * VS Code shows pictures from https only, and follows no link into the package. With "repository" in package.json vsce
 * makes the relative ones absolute; without it pictures are left out, and what is linked stands there as text.
 */
function shownInGallery(text) {
  if (manifest.repository) return text;
  const elsewhere = String.raw`\((?!https?:|#)[^)]*\)`;
  return text
    .replace(new RegExp(String.raw`^ *!\[[^\]]*\]${elsewhere}\n\n?`, 'gm'), '')
    .replace(new RegExp(String.raw`\[([^\]]+)\]${elsewhere}`, 'g'), '$1');
}

function fill() {
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(path.join(stage, 'dist'), { recursive: true });
  mkdirSync(path.join(stage, 'native/build/Release'), { recursive: true });
  for (const name of ['extension.js', 'rollpoint-adapter.js', 'rollpoint-server.js']) {
    copyFileSync(path.join(dist, name), path.join(stage, 'dist', name));
  }
  for (const name of ['LICENSE', 'package.nls.json']) copyFileSync(at(name), path.join(stage, name));
  for (const name of ['README.md', 'CHANGELOG.md']) writeFileSync(path.join(stage, name), shownInGallery(readFileSync(at(name), 'utf8')));
  cpSync(at('media'), path.join(stage, 'media'), { recursive: true });
  cpSync(at('test/sample'), path.join(stage, 'sample'), { recursive: true, filter: (source) => source !== at('test/sample/build') });
  writeFileSync(path.join(stage, 'ThirdPartyNotices.txt'), thirdPartyNotices());
  const { scripts: _scripts, dependencies: _dependencies, devDependencies: _devDependencies, ...shipped } = manifest;
  writeFileSync(path.join(stage, 'package.json'), JSON.stringify(shipped, null, 2) + '\n');
  // All of the stage goes in; vsce asks for a list of what does not.
  writeFileSync(path.join(stage, '.vscodeignore'), '.vscodeignore\n');
  const target = path.join(stage, path.relative(at(), addon));
  const result = spawnSync('strip', ['--strip-unneeded', '-o', target, addon], { stdio: 'inherit' });
  if (result.status !== 0) throw new Error('strip failed: is the package binutils installed?');
}

fill();
try {
  await createVSIX({
    cwd: stage,
    packagePath,
    target: 'linux-x64',
    dependencies: false,
    rewriteRelativeLinks: manifest.repository !== undefined,
    allowMissingRepository: true,
  });
} finally {
  rmSync(stage, { recursive: true, force: true });
}
console.log(path.relative(process.cwd(), packagePath));
