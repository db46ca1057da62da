// Locks on files.
import { describeKind } from '../../support/stateKinds';

describeKind({ kind: 'File locks: of the process, of the open file, flock', program: 'locks', expected: 'restored' });
