// Descriptors that stand for events, and memory files.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Rig } from '../../support/native';
import { describeKind } from '../../support/stateKinds';

describeKind({ kind: 'eventfd: counter and semaphore', program: 'events', args: ['eventfd'], expected: 'restored' });
describeKind({ kind: 'timerfd: what remained, unread expirations', program: 'events', args: ['timerfd'], expected: 'restored' });
describeKind({ kind: 'signalfd: its signals', program: 'events', args: ['signalfd'], expected: 'restored' });
describeKind({ kind: 'pidfd', program: 'events', args: ['pidfd'], expected: 'restored', note: 'While the process lives, or has not been waited for' });
describeKind({
  kind: 'pidfd of a child process that has ended since',
  program: 'pidfds',
  expected: 'restored',
  note: 'An ordinary user needs `"pidNamespace": true` to be sure of the same number; another number is told.',
  launch: process.getuid!() === 0 ? {} : { pidNamespace: true },
});
describeKind({ kind: 'Memory files (memfd): size, content, holes', program: 'memfds', expected: 'restored', warnings: /shared mapping of/ });
describeKind({ kind: 'inotify watches, under their numbers', program: 'inotify', expected: 'restored' });
describeKind({ kind: 'epoll sets: items, edges, stale numbers, sets within sets', program: 'epollset', expected: 'restored', warnings: /pipe ends are open/ });

// What stays as it is. The second argument: the program does not use it between the snapshots.
describeKind({ kind: 'Seals added to a memory file since', program: 'memfds', args: ['sealed'], expected: 'told', warnings: /was sealed since/ });
describeKind({ kind: 'io_uring', program: 'foreign', args: ['io_uring', 'idle'], expected: 'told', warnings: /io_uring is active/, note: 'Can be rolled back as long as the ring has not worked since' });
describeKind({ kind: 'Linux AIO', program: 'foreign', args: ['aio'], expected: 'told', warnings: /Linux AIO is in use/ });
describeKind({ kind: 'userfaultfd of the program itself', program: 'foreign', args: ['userfaultfd'], expected: 'told', warnings: /userfaultfd/ });
describeKind({ kind: 'fanotify', program: 'foreign', args: ['fanotify'], expected: 'told', warnings: /fanotify/ });

describe('files that the program watches being read (inotify)', () => {
  it('are read by snapshots, and the program is not told', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rollpoint-inotify-'));
    const rig = await Rig.launch('inotify', [], { cwd: folder });
    try {
      await rig.breakAt('at_armed', 'at_branched');
      await rig.continueToBreakpoint();
      await rig.core.writeMemory(rig.address('state_branch'), new Uint8Array([1, 0, 0, 0]));
      await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      await rig.continueToBreakpoint();
      const { id, exact } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      expect(exact).to.equal(true);
      expect(await rig.core.verify(id)).to.deep.equal([]);
      expect((await rig.core.capture({ tid: rig.pid, files: 'rewind' })).warnings).to.deep.equal([]);
    } finally {
      await rig.dispose();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('what the kernel does on its own for a program', () => {
  let rig: Rig;
  afterEach(async () => {
    await rig?.dispose();
  });

  it('forbids a rollback once its io_uring has worked, and the program goes on', async () => {
    rig = await Rig.launch('foreign', ['io_uring']);
    await rig.breakAt('at_armed', 'at_changed');
    await rig.continueToBreakpoint();
    const { id } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    await rig.continueToBreakpoint();
    const refusal = await rig.core.rollback(id).then(
      () => 'none',
      (error: Error) => error.message,
    );
    expect(refusal).to.match(/io_uring .* has worked since/);
    await rig.clearBreakpoints();
    let event = await rig.continue();
    while (event.type === 'stopped') {
      event = await rig.continue();
    }
    expect(event).to.include({ type: 'exited', code: 0 });
  });

  // Pages that only the program itself could give are there again, with each way of reading them.
  for (const tracker of ['userfaultfd', 'compare'] as const) {
    it(`gives pages of its userfaultfd back (tracker ${tracker})`, async () => {
      rig = await Rig.launch('foreign', ['userfaultfd'], { tracker });
      await rig.breakAt('at_armed', 'at_changed', 'at_checked');
      await rig.continueToBreakpoint();
      const first = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      await rig.continueToBreakpoint();
      const second = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      for (let turn = 0; turn < 10; ++turn) {
        for (const { id } of [first, second]) {
          await rig.core.rollback(id);
          expect(await rig.core.verify(id)).to.deep.equal([]);
          await rig.continueToBreakpoint();
        }
      }
      await rig.clearBreakpoints();
      let event = await rig.continue();
      while (event.type === 'stopped') {
        event = await rig.continue();
      }
      expect(event, await rig.allOutput()).to.include({ type: 'exited', code: 0 });
    });
  }
});
