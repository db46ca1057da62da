// Process trees: children in many states go back and forth with their parent.
import { describeKind } from '../../support/stateKinds';

const root = process.getuid!() === 0;

describeKind({ kind: 'Child processes that live on', program: 'children', args: ['--lasting', '--spawn'], expected: 'restored' });
describeKind({
  kind: 'Child processes born and ended since, zombies',
  program: 'children',
  expected: 'restored',
  note: 'An ordinary user needs `"pidNamespace": true` to be sure of the same numbers; another number is told.',
  launch: root ? {} : { pidNamespace: true },
});
describeKind({
  kind: 'Child processes that ran another program (exec) and ended since',
  program: 'children',
  args: ['--exec'],
  expected: 'restored',
  note: 'For an ordinary user /proc/PID/exe names another program; told.',
  ...(root ? {} : { warnings: /names its parent's program/ }),
  launch: root ? {} : { pidNamespace: true },
});
describeKind({
  kind: 'Child processes with threads, born and ended since',
  program: 'crews',
  args: ['--numbers'],
  expected: 'restored',
  note: 'For an ordinary user without `"pidNamespace": true` they may come back under other numbers; told.',
  launch: root ? {} : { pidNamespace: true },
});
describeKind({
  kind: 'Child processes with `"snapshots.children": "ignore"`',
  program: 'children',
  args: ['--lasting', '--spawn'],
  expected: 'told',
  warnings: /^Child processes are running; they stay as they are/,
  rig: { children: 'ignore' },
});
describeKind({ kind: 'Parent of a child process whose parent has ended since', program: 'orphans', expected: 'told', warnings: /has another parent, since the one that it had has ended/ });
describeKind({
  kind: 'Child processes that share memory for good (CLONE_VM)',
  program: 'sharing',
  expected: 'told',
  warnings: /^Child process \d+ \(sharing\) shares its parent's memory \(clone with CLONE_VM\)/,
});
describeKind({
  kind: 'Processes that the program itself traces (ptrace)',
  program: 'tracer',
  expected: 'told',
  warnings: /^Child process \d+ \(tracer\) is not held: its parent can trace processes itself/,
});
