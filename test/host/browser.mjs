// The headless browser that shows a window of the VS Code server.
// Must not know what is tested in it.
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { hostDirectory } from './location.mjs';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

/** $CHROMIUM_PATH, else Debian's chromium. */
export function launchBrowser(options = {}) {
  const { chromium } = createRequire(path.join(hostDirectory(), 'package.json'))('playwright-core');
  const executablePath = process.env.CHROMIUM_PATH || '/usr/bin/chromium';
  return chromium.launch({ executablePath, headless: true, args: flags, ...options });
}
