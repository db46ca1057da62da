// `npm start`: sets up what is missing, then opens VS Code on the sample project with Rollpoint loaded.
// The desktop VS Code where there is one and a display to show it; else (or with `-- --server`) the VS Code server on
// loopback, whose address carries a token and is printed. `-- --port N` fixes its port.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { at, root } from './paths.mjs';
import { setup } from './setup.mjs';
import { which } from './systemPackages.mjs';

const sample = at('test/sample');

/** The desktop build refuses to run as root, and needs a display. */
function desktop() {
  const display = process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  return display && process.getuid() !== 0 ? which('code') : null;
}

async function openDesktop(code) {
  console.log(`Opening ${sample} in ${code} …`);
  const child = spawn(code, ['--new-window', `--extensionDevelopmentPath=${root}`, sample], { stdio: 'inherit' });
  process.exitCode = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => resolve(status ?? 1));
  });
}

async function serve(port) {
  const { startServer } = await import('../test/host/host.mjs');
  const server = await startServer({ token: randomBytes(16).toString('hex'), port, installed: [root], driver: false });
  const interrupted = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => resolve(true));
  });
  console.log(`
VS Code is ready. Open this address in a browser on this machine (or forward port ${server.port} to yours):

  ${server.address({ folder: sample })}

Press F5 in it to debug the sample. Ctrl+C here ends it.
`);
  const onPurpose = await Promise.race([interrupted, server.exited.then(() => false)]);
  if (!onPurpose) {
    console.error(`The VS Code server ended by itself.\n${server.log().slice(-3000)}`);
    process.exitCode = 1;
  }
  await server.stop();
}

async function main() {
  const { values } = parseArgs({ options: { server: { type: 'boolean' }, port: { type: 'string', default: '0' } } });
  const code = values.server ? null : desktop();
  await setup({ host: !code });
  await (code ? openDesktop(code) : serve(Number(values.port)));
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
