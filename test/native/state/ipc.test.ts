// System V and POSIX IPC. POSIX semaphores and shared mutexes are memory.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Rig } from '../../support/native';
import { describeKind } from '../../support/stateKinds';

const program = 'ipc';

/** Ids of the objects of one kind, and the process that made each or used it last. */
function objects(kind: '-s' | '-q' | '-m'): { id: string; maker: number }[] {
  const rows = (args: string[]) =>
    execFileSync('ipcs', args, { encoding: 'utf8' })
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields.length >= 4 && fields.slice(0, 2).some((field) => /^\d+$/.test(field)));
  if (kind !== '-s') {
    return rows([kind, '-p']).map(([id, , maker]) => ({ id: id!, maker: Number(maker) }));
  }
  return rows([kind]).map(([, id]) => {
    // Nothing where another run of these tests has removed it meanwhile.
    const told = spawnSync('ipcs', [kind, '-i', id!], { encoding: 'utf8' }).stdout;
    return { id: id!, maker: Number(/^0\s+\d+\s+\d+\s+\d+\s+(\d+)/m.exec(told)?.[1]) };
  });
}

/** A program that a test kills leaves its objects, as it would without us. Others may run these tests at the same time. */
afterEach(() => {
  for (const kind of ['-s', '-q', '-m'] as const) {
    for (const { id, maker } of objects(kind)) {
      if (Rig.launched.has(maker) && !existsSync(`/proc/${maker}`)) {
        spawnSync('ipcrm', [kind, id]);
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
