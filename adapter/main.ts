// rollpoint-adapter: the debug adapter on stdio, and the relay that runs in the debuggee's terminal.
// Only wires the parts together.
import { describeMachine, loadAddon } from './core/load';
import { RollpointSession } from './session';
import { SessionHost } from './sessionHost';
import { runTerminalRelay } from './terminalRelay';

declare const ROLLPOINT_VERSION: string | undefined;
const version = typeof ROLLPOINT_VERSION === 'string' ? ROLLPOINT_VERSION : 'development';

const usage = `Usage: rollpoint-adapter
Rollpoint ${version}: debug adapter (DAP) on standard input and output, for an editor to start.
`;

function serve(): void {
  // The output carries the protocol: what a library prints must not get between.
  console.log = console.info = console.warn = console.error;
  const session = new RollpointSession(
    {
      version,
      ptys: {
        openPty: (rows, columns) => loadAddon().openPty(rows, columns),
        resizePty: (master, rows, columns) => loadAddon().resizePty(master, rows, columns),
      },
      adapterCommand: [process.execPath, process.argv[1] ?? __filename],
      describeMachine: (gdb) => describeMachine(version, gdb, loadAddon().probe()),
      createHost: (listener, stdio, children) => new SessionHost(loadAddon(), listener, stdio, children),
    },
    process.stdout,
  );
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => session.shutdown());
  }
  process.on('uncaughtException', (error) => session.fail(error));
  process.on('unhandledRejection', (error) => session.fail(error));
  session.start(process.stdin, process.stdout);
}

const [option, value] = process.argv.slice(2);
if (option === '--terminal' && value) {
  void runTerminalRelay(value).then((code) => process.exit(code));
} else if (option === '--version') {
  process.stdout.write(`${version}\n`);
} else if (option === '--help' || option !== undefined) {
  process.stdout.write(usage);
  process.exitCode = option === '--help' ? 0 : 2;
} else {
  serve();
}
