// Contents of files beyond the limit, where the file system shares blocks (FICLONE): nothing is copied, and all comes back.
// On an XFS of the test's own, which only root can mount; where that is not allowed (a container) there are no such tests.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Rig } from '../support/native';

const smallest = 320 << 20; // of an XFS; the image is sparse

/** What is mounted, or nothing. */
function mountSharing(): { folder: string; remove: () => void } | undefined {
  if (process.getuid!() !== 0) return undefined;
  const place = mkdtempSync(join(tmpdir(), 'rollpoint-test-'));
  const [image, folder] = [join(place, 'image'), join(place, 'mounted')];
  writeFileSync(image, '');
  truncateSync(image, smallest);
  mkdirSync(folder);
  const made = spawnSync('mkfs.xfs', ['-q', '-m', 'reflink=1', image]).status === 0;
  if (made && spawnSync('mount', ['-o', 'loop', image, folder]).status === 0) {
    const remove = (): void => {
      execFileSync('umount', [folder]);
      rmSync(place, { recursive: true });
    };
    return { folder, remove };
  }
  rmSync(place, { recursive: true });
  return undefined;
}

const sharing = mountSharing();
if (sharing) {
  describe('files on a file system that shares blocks', () => {
    after(() => sharing.remove());

    it('come back whatever their size, back and forth', async () => {
      const folder = join(sharing.folder, 'program');
      mkdirSync(folder);
      // Files that the program removes are kept where its project's git keeps things: no other place of this file system will do.
      const git = join(sharing.folder, '.git');
      mkdirSync(git);
      const rig = await Rig.launch('files', [], { cwd: folder });
      try {
        const read = (): string => readFileSync(join(folder, 'cut'), 'utf8');
        const capture = async (): Promise<number> => {
          const { id, exact, warnings } = await rig.core.capture({ tid: rig.pid, files: 'rewind', fileLimit: 4096 });
          expect(warnings.filter(({ kind }) => kind === 'fileContent')).to.deep.equal([]);
          expect(exact).to.equal(warnings.length === 0);
          return id;
        };
        await rig.breakAt('at_armed', 'at_changed');
        await rig.continueToBreakpoint();
        const armed = await capture();
        expect(read()).to.equal('to be cut at its opening\n');
        await rig.continueToBreakpoint();
        const changed = await capture();
        expect(read()).to.equal('cut\n');
        expect(readdirSync(git).join()).to.match(/^\.rollpoint-kept-\w{6}$/);
        for (let turn = 0; turn < 20; ++turn) {
          await rig.core.rollback(armed);
          expect(await rig.core.verify(armed)).to.deep.equal([]);
          expect(read()).to.equal('to be cut at its opening\n');
          if (turn % 5 === 0) await rig.continueToBreakpoint(); // the program verifies, and changes all again
          await rig.core.rollback(changed);
          expect(await rig.core.verify(changed)).to.deep.equal([]);
          expect(read()).to.equal('cut\n');
        }
      } finally {
        await rig.dispose();
      }
      expect(readdirSync(git)).to.deep.equal([]);
    });
  });
}
