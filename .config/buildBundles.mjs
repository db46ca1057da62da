// Bundles the three programs into dist/ with esbuild, and records what went into them for the third-party notices.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { build } from 'esbuild';
import { at, dist, root } from './paths.mjs';

const programs = [
  { entry: 'extension/main.ts', out: 'extension.js', external: ['vscode'] },
  { entry: 'adapter/main.ts', out: 'rollpoint-adapter.js', executable: true },
  { entry: 'adapter/server.ts', out: 'rollpoint-server.js', executable: true },
];

/** cdt-gdb-adapter imports serialport at the top for its UART feature, which a session of ours never reaches. */
const withoutSerialPort = {
  name: 'without-serialport',
  setup(context) {
    context.onResolve({ filter: /^(serialport|@serialport\/.*)$/ }, (args) => ({ path: args.path, namespace: 'absent' }));
    context.onLoad({ filter: /.*/, namespace: 'absent' }, (args) => ({
      contents: `module.exports = { SerialPort: class { constructor() { throw new Error(${JSON.stringify(`${args.path} is not part of Rollpoint`)}); } } };`,
    }));
  },
};

/** Addons are loaded at run time, by path: they cannot live inside a bundle. */
const nativeOutside = {
  name: 'native-outside',
  setup(context) {
    context.onResolve({ filter: /\.node$/ }, (args) => ({ path: args.path, external: true }));
  },
};

export async function buildBundles() {
  const { version } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
  const inputs = new Set();
  mkdirSync(dist, { recursive: true });
  for (const program of programs) {
    const outfile = path.join(dist, program.out);
    const result = await build({
      absWorkingDir: root,
      entryPoints: [program.entry],
      outfile,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      sourcemap: true,
      sourcesContent: false,
      metafile: true,
      logLevel: 'warning',
      // Keeps class and function names readable in the stacks that users send us.
      keepNames: true,
      external: program.external ?? [],
      define: { ROLLPOINT_VERSION: JSON.stringify(version) },
      banner: program.executable ? { js: '#!/usr/bin/env node' } : {},
      plugins: [withoutSerialPort, nativeOutside],
    });
    if (program.executable) chmodSync(outfile, 0o755);
    for (const input of Object.keys(result.metafile.inputs)) inputs.add(input);
  }
  const packages = [...inputs].map((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[0]).filter(Boolean);
  writeFileSync(path.join(dist, 'bundled-packages.json'), JSON.stringify([...new Set(packages)].sort(), null, 2) + '\n');
}
