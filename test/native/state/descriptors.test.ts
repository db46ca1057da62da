// The descriptor table. Contents of what the descriptors are open on: the kinds of their own.
import { describeKind } from '../../support/stateKinds';

describeKind({ kind: 'Descriptor table', program: 'descriptors', expected: 'restored' });
describeKind({ kind: 'Open files closed since: run as programs, locked, with an offset shared with a child', program: 'heldfiles', expected: 'restored' });
describeKind({ kind: 'Signal-driven I/O: who is told, and by which signal (F_SETOWN, F_SETSIG, O_ASYNC)', program: 'owners', expected: 'restored' });
describeKind({
  kind: 'Devices with a driver behind them (graphics, network, FUSE, KVM)',
  program: 'opendevice',
  expected: 'told',
  warnings: /^The (device \/.+ \(descriptor \d+\)|descriptor \d+ \(\[[a-z_-]+\]\)) stays as it is/,
});
