// The descriptor table. Contents of what the descriptors are open on: the kinds of their own.
import { describeKind } from '../../support/stateKinds';

describeKind({ kind: 'Descriptor table', program: 'descriptors', expected: 'restored' });
