// Sockets: what is in flight between two ends of the program, its listeners; what leads out of it is told.
import { describeKind } from '../../support/stateKinds';

const program = 'sockets';

describeKind({ kind: 'Socket pairs: streams, packets and datagrams in flight, options, flags', program, args: ['pairs'], expected: 'restored' });
describeKind({ kind: 'Socket pairs: ends closed and shut down since', program, args: ['ends'], expected: 'restored' });
describeKind({ kind: 'TCP within the program: bytes in flight both ways, options', program, args: ['tcp'], expected: 'restored' });
describeKind({
  kind: 'Listening sockets and TCP connections closed since',
  program,
  args: ['listen'],
  expected: 'restored',
  // A port that was in use until just now is waited for, up to a second.
  turns: 12,
});
describeKind({ kind: 'UDP within the program: datagrams in flight, a socket closed since', program, args: ['udp'], expected: 'restored' });
describeKind({ kind: 'Threads that wait in recv, accept and poll on sockets', program, args: ['blocked'], expected: 'restored' });
