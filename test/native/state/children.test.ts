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
