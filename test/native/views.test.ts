// Memory that a program has at two places, or writes as a file too: the tracker sees the writes of one way only.
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Rig } from '../support/native';

describe('memory seen at two places', () => {
  it('is the same at both, at each snapshot', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rollpoint-test-'));
    const rig = await Rig.launch('views', [join(folder, 'file')]);
    try {
      await rig.breakAt('at_step');
      const ids: number[] = [];
      const capture = async (): Promise<void> => {
        const { id } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
        expect(await rig.core.verify(id), `snapshot ${ids.length}`).to.deep.equal([]);
        ids.push(id);
      };
      await rig.continueToBreakpoint();
      await capture();
      for (let step = 1; step <= 5; ++step) {
        await rig.continueToBreakpoint();
        await capture();
      }
      for (const step of [4, 5, 2, 3, 0, 1, 5, 1, 4, 0]) {
        await rig.core.rollback(ids[step]!);
        expect(await rig.core.verify(ids[step]!), `back at ${step}`).to.deep.equal([]);
        await rig.continueToBreakpoint();
      }
      await rig.clearBreakpoints();
      expect(await rig.continue(), await rig.outputSoFar()).to.deep.include({ type: 'exited', code: 0 });
    } finally {
      await rig.dispose();
      rmSync(folder, { recursive: true });
    }
  });
});
