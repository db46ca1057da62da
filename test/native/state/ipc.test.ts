// System V and POSIX IPC. POSIX semaphores and shared mutexes are memory.
import { execFileSync } from 'node:child_process';
import { describeKind } from '../../support/stateKinds';

const program = 'ipc';

/** A program that a test kills leaves its objects, as it would without us. */
afterEach(() => {
  const users = [String(process.getuid!()), process.getuid!() === 0 ? 'root' : ''];
  for (const kind of ['-s', '-q', '-m']) {
    for (const line of execFileSync('ipcs', [kind], { encoding: 'utf8' }).split('\n')) {
      const [, id, owner] = line.trim().split(/\s+/);
      if (/^0x(5250|00000000)/.test(line) && users.includes(owner!)) {
        execFileSync('ipcrm', [kind, id!]);
      }
    }
  }
});

describeKind({ kind: 'System V semaphores', program, args: ['semaphores'], expected: 'restored' });
describeKind({ kind: 'System V message queues', program, args: ['messages'], expected: 'restored' });
describeKind({ kind: 'System V shared memory, detached since', program, args: ['segment'], expected: 'restored' });
describeKind({ kind: 'POSIX message queues', program, args: ['queue'], expected: 'restored' });
describeKind({
  kind: 'System V objects removed since',
  program,
  args: ['removed'],
  expected: 'privileged',
  warnings: /only a privileged user can make one with the same id again/,
  note: 'Only a privileged user can have the same id again.',
});
