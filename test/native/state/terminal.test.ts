// Terminals: the debuggee's own, on which the user types, and pseudo-terminals that it holds both ends of.
import { describeKind } from '../../support/stateKinds';

const program = 'terminal';

describeKind({ kind: 'Terminal settings, window size, what waits in a pseudo-terminal', program, expected: 'restored' });
describeKind({ kind: 'Input typed and not read yet', program, args: ['typed'], expected: 'restored', typed: 'one\ntwo\npar' });
describeKind({ kind: 'Pseudo-terminal closed since', program, args: ['master'], expected: 'restored' });
