#!/usr/bin/env node
// Stands in for the executable of VS Code: takes the command line that runTests() of @vscode/test-electron makes, and
// runs the tests in the VS Code server's extension host. Must know only that command line, not the tests.
//   [folder] --extensionDevelopmentPath=… --extensionTestsPath=… [--user-data-dir=…] [--extensions-dir=…]
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { format } from 'node:util';
import { launchBrowser } from './browser.mjs';
import { startServer } from './host.mjs';

const limitSeconds = Number(process.env.ROLLPOINT_HOST_TIMEOUT ?? 480);

/** Lines that the server's own parts write to the console of the tests. */
const noise =
  /^(\[?(ChatModelSelection|AgentHost|RemoteAgentHost|AccountPolicyGate|reconnection-grace-time|DefaultAccount|chat-stt|Service Worker))|^(Creating a socket|Resolv(ing|ed) connection token|Updating additional builtin|Ignoring fetching additional builtin|Creation of workbench contribution|Timed out waiting for authentication provider|getaddrinfo ENOTFOUND open-vsx)/;

function parse(words) {
  const options = { development: [], positional: [] };
  for (const word of words) {
    const [, name, value = true] = /^--([\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (!name) options.positional.push(word);
    else if (name === 'extensionDevelopmentPath') options.development.push(value);
    else options[name] = value;
  }
  return options;
}

async function main(scratch) {
  const options = parse(process.argv.slice(2));
  // The window reports success when the extension host dies half-way; a file says that run() came to its end.
  const ended = path.join(scratch, 'ended');
  const tests = path.join(scratch, 'tests.js');
  const suite = JSON.stringify(path.resolve(options.extensionTestsPath));
  writeFileSync(
    tests,
    `exports.run = async () => { await require(${suite}).run(); require('node:fs').writeFileSync(${JSON.stringify(ended)}, ''); };`,
  );

  const server = await startServer({
    userDataDirectory: options['user-data-dir'],
    extensionsDirectory: options['extensions-dir'],
  });
  let browser;
  const close = async () => {
    await browser?.close().catch(() => undefined);
    await server.stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void close().then(() => process.exit(1)));
  try {
    browser = await launchBrowser();
    const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
    const exit = new Promise((resolve, reject) => {
      page.on('crash', () => reject(new Error('The browser page crashed.')));
      setTimeout(() => reject(new Error(`The tests have not ended in ${limitSeconds} s.`)), limitSeconds * 1000).unref();
      void server.exited.then(() => reject(new Error('The VS Code server ended before the tests did.')));
      void page.exposeFunction('codeAutomationExit', resolve);
    });
    await page.exposeFunction('codeAutomationLog', (type, args) => {
      const line = format(...args);
      if (noise.test(line)) return;
      (type === 'error' || type === 'warn' ? process.stderr : process.stdout).write(`${line}\n`);
    });
    await page.goto(server.address({ folder: options.positional[0], development: options.development, tests }));
    try {
      const code = await exit;
      if (code !== 0 || existsSync(ended)) return code;
      console.error('The extension host ended before the tests did.');
      return 1;
    } finally {
      const screenshot = process.env.ROLLPOINT_HOST_SCREENSHOT;
      if (screenshot) await page.screenshot({ path: screenshot }).catch(() => undefined);
    }
  } catch (error) {
    console.error(error.message);
    console.error(server.log().slice(-3000));
    return 1;
  } finally {
    await close();
  }
}

const scratch = mkdtempSync(path.join(tmpdir(), 'rollpoint-tests-'));
const code = await main(scratch).finally(() => rmSync(scratch, { recursive: true, force: true }));
process.exit(code);
