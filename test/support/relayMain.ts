// Starts the terminal relay from its source: the last argument is the socket.
// Stands in for the command line of rollpoint-adapter, which is main.ts's business.
import { runTerminalRelay } from '../../adapter/terminalRelay';

void runTerminalRelay(process.argv.at(-1)!).then((code) => process.exit(code));
