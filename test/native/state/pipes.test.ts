// Pipes and FIFOs: what is in flight, and their ends.
import { describeKind } from '../../support/stateKinds';

const program = 'pipes';

describeKind({ kind: 'Pipes: bytes in flight, capacity, flags, half-closed', program, args: ['content'], expected: 'restored' });
describeKind({ kind: 'Pipes: ends closed, moved and shared since', program, args: ['ends'], expected: 'restored' });
describeKind({ kind: 'Pipes in packet mode', program, args: ['packets'], expected: 'restored' });
describeKind({ kind: 'FIFOs: content, ends, a name taken away', program, args: ['fifo'], expected: 'restored' });
describeKind({ kind: 'Threads that wait in read, poll and write on pipes', program, args: ['blocked'], expected: 'restored' });
