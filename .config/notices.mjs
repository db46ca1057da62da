// Writes the third-party notices: every package whose code is inside dist/*.js or the addon, with its licence in full.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import * as path from 'node:path';
import { at, dist } from './paths.mjs';

/** Their headers are compiled into the addon, so the bundler does not see them. */
const inAddon = ['node_modules/node-addon-api/', 'node_modules/node-api-headers/'];
/** Left out of the bundle, see .config/buildBundles.mjs; they come in as names only. */
const absent = /^(serialport|@serialport\/)/;

function notice(folder) {
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  if (absent.test(manifest.name)) return null;
  const texts = readdirSync(folder)
    .filter((name) => /^(licen[sc]e|copying|notice|thirdpartynotices)/i.test(name))
    .sort()
    .map((name) => readFileSync(path.join(folder, name), 'utf8').trim());
  if (texts.length === 0 && !manifest.license) throw new Error(`${manifest.name} states no licence`);
  const repository = manifest.repository?.url ?? manifest.repository ?? manifest.homepage ?? '';
  const source = `https://www.npmjs.com/package/${manifest.name}/v/${manifest.version}`;
  const head = [
    `${manifest.name} ${manifest.version} (${manifest.license})`,
    `${String(repository).replace(/^git\+/, '')}`,
    ...(manifest.license === 'EPL-2.0'
      ? [`Used unmodified. Its source code is available under the Eclipse Public License 2.0 at the address above and at ${source}.`]
      : []),
  ];
  return [...head, '', ...texts].join('\n');
}

export function thirdPartyNotices() {
  const list = path.join(dist, 'bundled-packages.json');
  if (!existsSync(list)) throw new Error('dist/bundled-packages.json is missing: run npm run build first.');
  const folders = [...new Set([...JSON.parse(readFileSync(list, 'utf8')), ...inAddon])].sort();
  const notices = folders.map((folder) => notice(at(folder))).filter(Boolean);
  return [
    'Rollpoint contains code of the following projects, under their licences.',
    'The addon is linked with libstdc++ and libgcc under the GCC Runtime Library Exception 3.1 (https://gcc.gnu.org/onlinedocs/libstdc++/manual/license.html).',
    ...notices,
  ].join(`\n\n${'-'.repeat(100)}\n\n`) + '\n';
}
