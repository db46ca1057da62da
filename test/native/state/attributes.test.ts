// What the kernel keeps for a process and its threads besides memory and descriptors.
import { describeKind } from '../../support/stateKinds';

const program = 'attributes';

describeKind({ kind: 'Signals: actions, masks, pending ones with their data, alternate stack', program, args: ['signals'], expected: 'restored' });
describeKind({
  kind: 'Timers: interval (of real and of processor time) and POSIX, sleeps in progress, with what remained',
  program,
  args: ['timers'],
  expected: 'restored',
  note: 'A call that does not count down in place (usleep; nanosleep with another place for the rest; poll, select and epoll_wait with a time limit) waits for its whole time again.',
});
describeKind({ kind: 'Working directory, umask, soft limits, process name', program, args: ['process'], expected: 'restored' });
describeKind({ kind: 'Thread names and affinity', program, args: ['threads'], expected: 'restored' });
