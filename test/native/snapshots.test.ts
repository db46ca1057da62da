// Capture and rollback against an oracle: after each rollback the process is read anew and compared byte for byte with
// what it was when the snapshot was taken. With each dirty tracker that the kernel has.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { TrackerKind } from '../../adapter/core/native';
import { addon, Rig } from '../support/native';
import { differences, readState, type ProcessState } from '../support/processState';

const capabilities = addon.probe();
const trackers: TrackerKind[] = [
  ...(capabilities.userfaultfd && capabilities.pagemapScan ? (['userfaultfd'] as const) : []),
  'compare',
];

/** Always the same numbers, so that a failure comes again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
}

for (const tracker of trackers) {
  describe(`snapshots with tracker ${tracker}`, () => {
    let rig: Rig;
    const states = new Map<number, ProcessState>();
    afterEach(async () => {
      await rig?.dispose();
      states.clear();
    });

    async function capture(tid = rig.pid) {
      const result = await rig.core.capture({ tid, files: 'rewind' });
      states.set(result.id, await readState(rig));
      return result;
    }

    async function rollback(id: number) {
      const result = await rig.core.rollback(id);
      expect(differences(states.get(id)!, await readState(rig)), `after the rollback to ${id}`).to.deep.equal([]);
      expect(await rig.core.verify(id), `verify(${id})`).to.deep.equal([]);
      return result;
    }

    async function run(steps: number) {
      for (let i = 0; i < steps; ++i) {
        await rig.continueToBreakpoint();
      }
    }

    it('captures without a trace and rolls back in place', async () => {
      rig = await Rig.launch('counter', ['6'], { tracker });
      await rig.breakAt('_Z3addii');
      await run(1);
      const before = await readState(rig);
      const first = await capture();
      expect(first).to.include({ id: 1, parent: null, exact: true });
      expect(first.threads).to.deep.equal([rig.pid]);
      expect(differences(before, states.get(1)!)).to.deep.equal([]);
      await run(2);
      expect(await rig.readInt('total')).to.equal(3);
      const second = await capture();
      expect(second).to.include({ id: 2, parent: 1 });
      expect(second.pages).to.be.greaterThan(0);
      await rollback(1);
      expect(await rig.readInt('total')).to.equal(0);
      await rollback(2);
      expect(await rig.readInt('total')).to.equal(3);
      await rollback(1);
      await run(1);
      expect(await capture()).to.include({ id: 3, parent: 1 });
    });

    it('lets the program go on from a snapshot to the same end, five times', async () => {
      rig = await Rig.launch('threads10', ['30'], { tracker });
      await rig.breakAt('at_step');
      await run(12);
      await capture();
      await rig.clearBreakpoints();
      await rig.breakAt('at_end');
      let wanted: string | undefined;
      for (let turn = 0; turn < 6; ++turn) {
        const { tid } = await rig.continueToBreakpoint();
        expect(await rig.register(tid, 'rdi'), rig.output).to.equal(0n);
        const digest = (await rig.outputSoFar()).trim().split('\n').at(-1);
        wanted ??= digest;
        expect(digest).to.match(/^digest \w+ errors 0$/);
        expect(digest).to.equal(wanted);
        expect((await rig.core.threads()).length).to.be.lessThan(5);
        await rollback(1);
        expect(await rig.core.threads()).to.have.length.greaterThan(10);
      }
      await rig.clearBreakpoints();
      expect(await rig.continue()).to.deep.include({ type: 'exited', code: 0 });
    });

    it('goes back and forth fifty times among thirteen snapshots on three branches', async () => {
      rig = await Rig.launch('threads10', ['1000'], { tracker });
      await rig.breakAt('at_step');
      const choose = random(42);
      await run(3);
      const tree: (number | null)[][] = [];
      const grow = async (count: number) => {
        for (let i = 0; i < count; ++i) {
          const { id, parent } = await capture();
          tree.push([id, parent]);
          await run(1 + choose(4));
        }
      };
      await grow(5);
      await rollback(2);
      await run(2);
      await grow(4);
      await rollback(4);
      await run(3);
      await grow(4);
      expect(tree).to.deep.equal([
        [1, null],
        ...[2, 3, 4, 5].map((id) => [id, id - 1]),
        ...[[6, 2], [7, 6], [8, 7], [9, 8]],
        ...[[10, 4], [11, 10], [12, 11], [13, 12]],
      ]);
      for (let turn = 0; turn < 50; ++turn) {
        await rollback(1 + choose(13));
        await run(choose(4));
      }
      const error = await rig.readInt('errors');
      expect(error, rig.output).to.equal(0);
    });

    it('gives shared pages that another branch has written since back as they were', async () => {
      rig = await Rig.launch('threads10', ['12'], { tracker });
      await rig.breakAt('at_step');
      await run(1);
      await capture();
      await run(8);
      const far = await capture();
      await rollback(1);
      await run(1);
      const branch = await capture();
      // The branch has read, never written, pages that the far end has: the debuggee finds them by itself.
      await rollback(far.id);
      await rollback(branch.id);
      await rig.clearBreakpoints();
      await rig.breakAt('at_end');
      await run(1);
      expect((await rig.register(rig.pid, 'rdi')) & 0xffffffffn, 'errors found').to.equal(0n);
    });

    it('captures and rolls back wherever ten threads happen to be', async () => {
      rig = await Rig.launch('threads10', ['1000000'], { tracker });
      await rig.breakAt('at_step');
      await run(2);
      await rig.clearBreakpoints();
      const choose = random(7);
      const interruptAfter = async (millis: number) => {
        await rig.resume();
        await new Promise((resolve) => setTimeout(resolve, millis));
        await rig.core.interrupt();
        expect(await rig.nextStop()).to.include({ reason: 'interrupt' });
      };
      for (let i = 0; i < 6; ++i) {
        await interruptAfter(1 + choose(20));
        await capture();
      }
      for (let turn = 0; turn < 25; ++turn) {
        await rollback(1 + choose(6));
        await interruptAfter(choose(15));
      }
    });

    it('frees what a deleted snapshot held, and keeps what its children need', async () => {
      rig = await Rig.launch('heap512', ['16', '10', '3', '20'], { tracker });
      await rig.breakAt('at_step');
      await run(1);
      for (let i = 0; i < 5; ++i) {
        await capture();
        await run(1);
      }
      const full = await rig.core.stats();
      expect(full.snapshots).to.equal(5);
      await rig.core.deleteSnapshot(3);
      await rollback(4);
      await rig.core.deleteSnapshot(1);
      await rollback(2);
      await rollback(5);
      await rig.core.deleteSnapshot(5);
      expect((await rig.core.rollback(5).catch((error: { code: string }) => error.code))).to.match(/^RP_/);
      await run(1);
      await rollback(4);
      await rig.core.deleteSnapshot(4);
      await rig.core.deleteSnapshot(2);
      expect(await rig.core.stats()).to.include({ snapshots: 0, pages: 0, bytes: 0, twinBytes: 0 });
      await rig.clearBreakpoints();
      expect(await rig.continue()).to.deep.include({ type: 'exited', code: 0 });
    });

    it('sees what the debugger writes', async () => {
      rig = await Rig.launch('counter', ['3'], { tracker });
      await rig.breakAt('_Z3addii');
      await run(1);
      await capture();
      await rig.core.writeMemory(rig.address('total'), new Uint8Array([9, 9, 9, 9]));
      await rig.setRegister(rig.pid, 'rdi', 77n);
      await capture();
      await rollback(1);
      expect(await rig.readInt('total')).to.equal(0);
      await rollback(2);
      expect(await rig.readInt('total')).to.equal(0x09090909);
    });

    it('gives closed descriptors back with their offsets and flags, and closes those opened since', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'rollpoint-native-'));
      try {
        rig = await Rig.launch('descriptors', [], { tracker, cwd: folder });
        await rig.breakAt('at_armed', 'at_changed');
        await run(1);
        await capture();
        await run(1);
        await capture();
        for (const id of [1, 2, 1]) {
          await rollback(id);
        }
        await run(1);
        await rig.clearBreakpoints();
        expect(await rig.continue()).to.deep.include({ type: 'exited', code: 0 });
        expect(await rig.allOutput()).to.equal('PASS\n');
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it('captures a program that has as many mappings as it may', async () => {
      rig = await Rig.launch('crowded', [], { tracker });
      await rig.breakAt('at_armed', 'at_changed', 'at_checked');
      await rig.continueToBreakpoint();
      await rig.core.capture({ tid: rig.pid, files: 'keep' });
      await rig.continueToBreakpoint();
      await rig.core.capture({ tid: rig.pid, files: 'keep' });
      for (const id of [1, 2, 1]) {
        await rig.core.rollback(id);
        expect(await rig.core.verify(id)).to.deep.equal([]);
      }
      await rig.clearBreakpoints();
      const end = await rig.continue();
      expect(end, await rig.allOutput()).to.deep.include({ type: 'exited', code: 0 });
    });

    it('gives back what the kernel keeps: directory, limits, pending signals, timers, names', async () => {
      rig = await Rig.launch('attributes', [], { tracker });
      await rig.breakAt('at_armed', 'at_changed');
      await rig.continueToBreakpoint();
      expect(await capture()).to.include({ exact: true });
      await rig.continueToBreakpoint();
      const changed = await capture();
      for (let i = 0; i < 10; ++i) {
        await rollback(1);
        await rollback(changed.id);
      }
      await rollback(1);
      await rig.clearBreakpoints();
      const end = await rig.continue();
      expect(end, await rig.allOutput()).to.deep.include({ type: 'exited', code: 0 });
    });

    it('loses its snapshots with an exec, and says so', async () => {
      rig = await Rig.launch('endings', ['exec', '/bin/sh', '-c', 'exit 3'], { tracker });
      await rig.breakAt('main');
      await run(1);
      await capture();
      expect(await rig.continue()).to.include({ reason: 'exec' });
      expect(rig.logs.join('\n')).to.match(/snapshot/i);
      expect(await rig.core.stats()).to.include({ snapshots: 0 });
      await rig.clearBreakpoints().catch(() => undefined);
      expect(await rig.continue()).to.deep.include({ type: 'exited', code: 3 });
    });
  });
}
