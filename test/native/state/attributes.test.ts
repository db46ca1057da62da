// What the kernel keeps for a process and its threads besides memory and descriptors.
import { describeKind } from '../../support/stateKinds';

const program = 'attributes';

describeKind({ kind: 'Signals: actions, masks, pending ones with their data, alternate stack', program, args: ['signals'], expected: 'restored' });
describeKind({
  kind: 'Timers: interval (of real and of processor time) and POSIX, sleeps and other waits with a time limit in progress, with what remained',
  program,
  args: ['timers'],
  expected: 'restored',
  note: 'Where the kernel is built without /proc/PID/sched, a wait begins anew unless the kernel counts it down in place.',
});
describeKind({ kind: 'Working directory, umask, soft limits, process name', program, args: ['process'], expected: 'restored' });
describeKind({ kind: 'Thread names and affinity', program, args: ['threads'], expected: 'restored' });
