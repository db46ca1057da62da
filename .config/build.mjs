// `npm run build`: the native addon and the bundles. `native` or `bundles` as an argument builds that part alone.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { at } from './paths.mjs';

/** One build at a time in a checkout; flock is part of every Debian and releases when its holder dies. */
function underLock() {
  if (process.env.ROLLPOINT_BUILD_LOCKED) return false;
  mkdirSync(at('native/build'), { recursive: true });
  const result = spawnSync(
    'flock',
    [at('native/build/.lock'), process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)],
    { stdio: 'inherit', env: { ...process.env, ROLLPOINT_BUILD_LOCKED: '1' } },
  );
  if (result.error?.code === 'ENOENT') return false;
  process.exitCode = result.status ?? 1;
  return true;
}

async function main() {
  const parts = process.argv.slice(2);
  const wants = (part) => parts.length === 0 || parts.includes(part);
  const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;
  if (wants('native')) {
    const { buildNative } = await import('./buildNative.mjs');
    const begin = Date.now();
    const { compiled, linked } = await buildNative();
    console.log(linked ? `native: ${compiled} compiled, ${seconds(begin)}` : 'native: up to date');
  }
  if (wants('bundles')) {
    const { buildBundles } = await import('./buildBundles.mjs');
    const begin = Date.now();
    await buildBundles();
    console.log(`bundles: ${seconds(begin)}`);
  }
}

if (!underLock()) {
  main().catch((error) => {
    console.error(`build: ${error.errors ? 'the bundles have errors, see above' : error.message}`);
    process.exitCode = 1;
  });
}
