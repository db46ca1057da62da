// Memory, its layout, the threads that run in it, and their registers.
import { expect } from 'chai';
import { Rig } from '../../support/native';
import { describeKind } from '../../support/stateKinds';

describeKind({ kind: 'Memory: contents, mappings, protection, program break', program: 'mappings', expected: 'restored' });
describeKind({
  kind: 'Threads ended and born since: same numbers, what they wait in, joinable again',
  program: 'threads',
  expected: 'restored',
  warnings: /pipe ends are open/,
});
describeKind({
  kind: 'What the kernel keeps of a thread that waits at the same place again: alternate signal stack, timer slack, robust list, clear_child_tid, rseq',
  program: 'rounds',
  expected: 'restored',
  threads: false,
});
describeKind({ kind: 'Registers: general, vector and floating point, rounding, segment bases', program: 'registers', expected: 'restored' });
describeKind({ kind: 'Memory given back to the kernel (MADV_DONTNEED)', program: 'dropped', expected: 'restored' });
describeKind({
  kind: 'Advice, locks, guard pages and names of memory (madvise, mlock, PR_SET_VMA)',
  program: 'advice',
  expected: 'restored',
  warnings: /advised on huge pages since/,
});
describeKind({ kind: 'Nodes on which memory is to lie (set_mempolicy, mbind)', program: 'policy', expected: 'restored' });
describeKind({
  kind: 'Mappings without a name that were removed: memory files, deleted files, shared anonymous memory',
  program: 'unmapped',
  expected: 'restored',
  warnings: /shared mapping of .* is rolled back for everybody/,
  note: 'Where a descriptor was open on it, or it is anonymous.',
});
describeKind({ kind: 'Shared memory that child processes write to', program: 'sharers', expected: 'restored' });
describeKind({
  kind: 'Shared memory that the system has taken out of the program\'s tables (memory pressure, swap)',
  program: 'reclaimed',
  expected: 'restored',
  warnings: /shared mapping of .* is rolled back for everybody/,
});
describeKind({ kind: 'Files that are shorter than their shared mapping', program: 'cutfile', expected: 'restored', warnings: /shared mapping of .* is rolled back for everybody/ });
describeKind({ kind: 'Threads with descriptors or a working directory of their own (unshare)', program: 'apart', expected: 'told', warnings: /has descriptors of its own \(unshare\)/ });
describeKind({ kind: 'Mapped memory of devices and of the kernel', program: 'devices', expected: 'told', warnings: /is memory of a device or of the kernel/, note: 'Never read, never written.' });

describe('advice for a large mapping as a whole, which changes nothing in the list of mappings', () => {
  it('is what it was at the moment of each snapshot', async () => {
    const rig = await Rig.launch('advice', ['large']);
    try {
      await rig.breakAt('at_armed', 'at_changed', 'at_checked');
      const capture = async () => {
        const { id } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
        // Of so large a memory it is read beside the program, when that goes on within milliseconds.
        expect(await rig.core.verify(id)).to.deep.equal([]);
        return id;
      };
      await rig.continueToBreakpoint();
      const armed = await capture();
      await rig.continueToBreakpoint();
      const changed = await capture();
      for (let turn = 0; turn < 3; ++turn) {
        await rig.continueToBreakpoint();
        await rig.core.rollback(armed);
        expect(await rig.core.verify(armed)).to.deep.equal([]);
        await rig.continueToBreakpoint();
        await rig.core.rollback(changed);
        expect(await rig.core.verify(changed)).to.deep.equal([]);
      }
    } finally {
      await rig.dispose();
    }
  });
});

describe('most of a large area that was given back to the kernel', () => {
  it('is what it was in each snapshot', async () => {
    const rig = await Rig.launch('dropped', ['large']);
    try {
      await rig.breakAt('at_armed', 'at_changed', 'at_checked');
      await rig.continueToBreakpoint();
      const { id: armed } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      await rig.continueToBreakpoint();
      const { id: changed } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      for (const id of [armed, changed, armed]) {
        await rig.core.rollback(id);
        expect(await rig.core.verify(id)).to.deep.equal([]);
        await rig.continueToBreakpoint();
      }
    } finally {
      await rig.dispose();
    }
  });
});

describe('protection keys of memory', () => {
  it('are told where the processor has them', async () => {
    const rig = await Rig.launch('keys');
    try {
      await rig.breakAt('at_armed');
      await rig.continueToBreakpoint();
      const { warnings } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      const hasKey = (await rig.readInt('key')) > 0;
      expect(warnings.map(({ kind }) => kind)).to.deep.equal(hasKey ? ['protectionKeys'] : []);
    } finally {
      await rig.dispose();
    }
  });
});
