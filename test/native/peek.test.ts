// Snapshots that are looked at while the process stays as it is. Oracle: all memory, registers and threads as they were
// read from the process when the snapshot was taken, and the process read anew, which nothing may have touched.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { TrackerKind } from '../../adapter/core/native';
import { addon, Rig } from '../support/native';
import { differences, differencesOfImage, type Image, type ProcessState, readImage, readState } from '../support/processState';

const capabilities = addon.probe();
const trackers: TrackerKind[] = [...(capabilities.userfaultfd && capabilities.pagemapScan ? (['userfaultfd'] as const) : []), 'compare'];

interface Seen {
  image: Image;
  state: ProcessState;
}

for (const tracker of trackers) {
  describe(`peeks with tracker ${tracker}`, () => {
    let rig: Rig;
    let folder: string | undefined;
    const seen = new Map<number, Seen>();
    afterEach(async () => {
      await rig?.dispose();
      seen.clear();
      if (folder) {
        rmSync(folder, { recursive: true, force: true });
      }
    });

    async function capture(): Promise<number> {
      const { id } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      seen.set(id, { image: await readImage(rig), state: await readState(rig) });
      return id;
    }

    async function checkPeek(id: number): Promise<void> {
      const { image, state } = seen.get(id)!;
      const wrong = await differencesOfImage(image, (address, length) => rig.core.peekMemory(id, address, length).catch(() => Buffer.alloc(0)));
      expect(wrong, `memory of snapshot ${id}`).to.deep.equal([]);
      const { tid, threads } = await rig.core.peekThreads(id);
      expect(tid).to.equal(rig.pid);
      expect(new Map(threads.map((thread) => [thread.tid, thread.name]))).to.deep.equal(new Map([...state.threads].map(([each, { name }]) => [each, name])));
    }

    /** Every snapshot looked at from here; the process is what it was. */
    async function checkAll(): Promise<void> {
      const before = await readState(rig);
      for (const id of seen.keys()) {
        await checkPeek(id);
      }
      expect(differences(before, await readState(rig)), 'the process after the peeks').to.deep.equal([]);
    }

    /** Registers by peek are those that a rollback sets. */
    async function checkRegisters(id: number): Promise<void> {
      const { threads } = await rig.core.peekThreads(id);
      const peeked = await Promise.all(threads.map(({ tid }) => rig.core.peekRegisters(id, tid)));
      await rig.core.rollback(id);
      for (const [index, { tid }] of threads.entries()) {
        const live = await rig.core.readRegisters(tid);
        expect(Buffer.from(peeked[index]!.general).equals(live.general), `registers of ${tid} in ${id}`).to.equal(true);
        expect(Buffer.from(peeked[index]!.xstate).equals(live.xstate), `vector registers of ${tid} in ${id}`).to.equal(true);
      }
    }

    it('shows a snapshot that the process still stands on', async () => {
      rig = await Rig.launch('counter', ['6'], { tracker });
      await rig.breakAt('_Z3addii');
      await rig.continueToBreakpoint();
      await capture();
      await checkAll();
    });

    it('shows every moment of ten threads with changing mappings, from every other', async () => {
      rig = await Rig.launch('threads10', ['12'], { tracker });
      await rig.breakAt('at_step');
      for (let step = 0; step < 8; ++step) {
        await rig.continueToBreakpoint();
        if (step % 2 === 0) {
          await capture();
        }
      }
      await checkAll();
      await rig.core.rollback(2);
      await checkAll();
      await rig.continueToBreakpoint();
      await capture();
      await checkAll();
      for (const id of [3, 1, 5]) {
        await checkRegisters(id);
      }
      expect(await rig.core.verify(5)).to.deep.equal([]);
    });

    it('shows mappings that are gone, and does not show what came later', async () => {
      rig = await Rig.launch('mappings', [], { tracker });
      await rig.breakAt('at_armed', 'at_changed');
      for (let pass = 0; pass < 2; ++pass) {
        await rig.continueToBreakpoint();
        await capture();
      }
      await checkAll();
      const [first, second] = [seen.get(1)!.image, seen.get(2)!.image];
      const fresh = second.mappings.find(({ start }) => !first.mappings.some((each) => start >= each.start && start < each.end))!;
      const error = await rig.core.peekMemory(1, fresh.start, 16).then(
        () => undefined,
        (reason: { code: string }) => reason.code,
      );
      expect(error).to.equal('EFAULT');
    });

    it('goes on showing a snapshot whose ancestors were deleted', async () => {
      rig = await Rig.launch('threads10', ['12'], { tracker });
      await rig.breakAt('at_step');
      for (let step = 0; step < 4; ++step) {
        await rig.continueToBreakpoint();
        await capture();
      }
      for (const id of [1, 2]) {
        await rig.core.deleteSnapshot(id);
        seen.delete(id);
      }
      await checkAll();
      const code = await rig.core.peekThreads(1).then(
        () => undefined,
        (reason: { code: string }) => reason.code,
      );
      expect(code).to.equal('RP_UNKNOWN_SNAPSHOT');
    });

    it('shows files that are mapped as they were, and tells what differs in files and descriptors', async () => {
      folder = mkdtempSync(join(tmpdir(), 'rollpoint-peek-'));
      rig = await Rig.launch('files', [], { tracker, cwd: folder });
      await rig.breakAt('at_armed', 'at_changed');
      for (let pass = 0; pass < 2; ++pass) {
        await rig.continueToBreakpoint();
        await capture();
      }
      await checkAll();
      const { descriptors, files } = await rig.core.compare(1, 2);
      const [was, is] = [seen.get(1)!.state.descriptors, seen.get(2)!.state.descriptors];
      const differing = [...new Set([...was.keys(), ...is.keys()])].filter((number) => was.get(number) !== is.get(number)).map(Number);
      expect(descriptors.map(({ descriptor }) => descriptor)).to.include.members(differing);
      expect(differing).not.to.deep.equal([]);
      expect(files.filter((file) => file.was && !file.is), 'removed').not.to.deep.equal([]);
      expect(files.filter((file) => !file.was && file.is), 'created').not.to.deep.equal([]);
      expect(files.filter((file) => file.was && file.is && file.from !== file.to), 'of another size').not.to.deep.equal([]);
    });

    it('compares two snapshots: bytes, mappings, descriptors', async () => {
      rig = await Rig.launch('threads10', ['12'], { tracker });
      await rig.breakAt('at_step');
      for (let step = 0; step < 3; ++step) {
        await rig.continueToBreakpoint();
        await capture();
      }
      expect(await rig.core.compare(2, 2)).to.deep.equal({ regions: [], descriptors: [], files: [] });
      const { regions } = await rig.core.compare(1, 3);
      const [before, after] = [seen.get(1)!.image, seen.get(3)!.image];
      for (const [address] of new Map([...before.pages, ...after.pages])) {
        const there = (image: Image) => image.mappings.some((each) => address >= each.start && address < each.end);
        if (before.pages.get(address) === after.pages.get(address) || !there(before) || !there(after)) {
          continue;
        }
        const region = regions.find(({ start, end, change }) => change === 'changed' && address >= start && address < end);
        expect(region, `a region for page ${address.toString(16)}`).not.to.equal(undefined);
      }
      const step = rig.address('step');
      const changed = regions.find(({ start, end, change }) => change === 'changed' && step >= start && step < end)!;
      expect(changed.ranges.some((range) => range.start <= step && range.end > step)).to.equal(true);
    });
  });
}
