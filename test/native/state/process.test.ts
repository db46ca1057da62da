// Switches and priorities of a process and its threads.
import { describeKind } from '../../support/stateKinds';

const program = 'process';

describeKind({ kind: 'Switches of the process: prctl, personality, oom_score_adj, core dump filter', program, args: ['switches'], expected: 'restored' });
describeKind({ kind: 'Scheduling policy and I/O priority of threads', program, args: ['scheduling'], expected: 'restored' });
describeKind({
  kind: 'System calls that the program answers itself (syscall user dispatch)',
  program: 'dispatch',
  expected: 'restored',
  warnings: /^The program answers some of its system calls itself/,
});
describeKind({
  kind: 'A priority that was lowered',
  program,
  args: ['lowered'],
  expected: 'privileged',
  warnings: /only a privileged user may raise a priority/,
  note: 'An ordinary user may not raise it again.',
});
