// Process trees: children in many states go back and forth with their parent.
import { describeKind } from '../../support/stateKinds';

describeKind({ kind: 'Child processes that live on', program: 'children', args: ['--lasting', '--spawn'], expected: 'restored', warnings: /pipe end/ });
describeKind({ kind: 'Child processes born and ended since, zombies', program: 'children', expected: 'privileged', warnings: /pipe end|number/ });
