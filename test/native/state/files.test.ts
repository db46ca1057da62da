// Contents and names of regular files.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Rig } from '../../support/native';
import { describeKind } from '../../support/stateKinds';

describeKind({ kind: 'Files: contents, sizes, modes, times, extended attributes, names; without a name (O_TMPFILE), shared memory (shm_open)', program: 'files', args: ['shm'], expected: 'restored', warnings: /shared mapping of/ });

describeKind({ kind: 'Folders: renamed, exchanged, replaced, made and removed with what is in them', program: 'folders', expected: 'restored' });
describeKind({ kind: 'Files with several names (hard links), and files opened again by the number of a descriptor (/proc/self/fd, /dev/fd)', program: 'links', expected: 'restored' });
describeKind({ kind: 'Folders that the program was in, or had open, and has removed; rights of folders', program: 'leftfolders', expected: 'restored' });
describeKind({ kind: 'Files changed by system calls of the program\'s own (syscall(2), assembler)', program: 'rawfiles', expected: 'restored' });
describeKind({ kind: 'Files changed by a program with its C library inside (static)', program: 'rawfiles_static', expected: 'restored' });

describe('files that a rollback leaves as they are', () => {
  let rig: Rig;
  let folder: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rollpoint-files-test-'));
    rig = await Rig.launch('files', [], { cwd: folder });
    await rig.breakAt('at_armed', 'at_changed');
    await rig.continueToBreakpoint();
  });
  afterEach(async () => {
    await rig.dispose();
    rmSync(folder, { recursive: true });
  });
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const told = (warnings: { message: string }[]) => warnings.map(({ message }) => message).join('\n');

  it('leaves what somebody else has changed, and says so', async () => {
    const { id } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    await rig.continueToBreakpoint();
    await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    writeFileSync(join(folder, 'cut'), 'by the user\n');
    writeFileSync(join(folder, 'log'), 'edited while the program stood still\n');
    writeFileSync(join(folder, 'removed'), 'another one\n');
    const foreseen = await rig.core.checkRollback(id);
    const { warnings } = await rig.core.rollback(id);
    expect(foreseen).to.deep.equal(warnings);
    expect(read('cut')).to.equal('by the user\n');
    expect(read('log')).to.equal('edited while the program stood still\n');
    expect(read('removed')).to.equal('another one\n');
    for (const name of ['cut', 'log', 'removed']) {
      expect(told(warnings)).to.match(new RegExp(`/${name} was (changed|made).* by somebody else`));
    }
    expect(read('data')).to.equal('0123456789');
    expect(read('renamed')).to.equal('renamed\n');
  });

  it('keeps contents where that is asked for', async () => {
    const { id, warnings } = await rig.core.capture({ tid: rig.pid, files: 'keep' });
    expect(told(warnings)).not.to.match(/contents/);
    await rig.continueToBreakpoint();
    await rig.core.rollback(id);
    expect(read('log')).to.equal('one\ntwo\n');
    expect(read('made')).to.have.length(4999);
  });

  it('says before it matters that a file is beyond the limit, where the file system cannot share its blocks', async () => {
    const { id, exact, warnings } = await rig.core.capture({ tid: rig.pid, files: 'rewind', fileLimit: 4096 });
    const shares = spawnSync('cp', ['--reflink=always', join(folder, 'data'), join(folder, 'shares')]).status === 0;
    rmSync(join(folder, 'shares'), { force: true });
    if (shares) {
      expect(warnings.filter(({ kind }) => kind === 'fileContent')).to.deep.equal([]);
      await rig.continueToBreakpoint();
      const later = await rig.core.capture({ tid: rig.pid, files: 'rewind', fileLimit: 4096 });
      expect(told((await rig.core.rollback(id)).warnings)).not.to.match(/contents/);
      expect(await rig.core.verify(id)).to.deep.equal([]);
      expect(read('cut')).to.equal('to be cut at its opening\n');
      await rig.core.rollback(later.id);
      expect(await rig.core.verify(later.id)).to.deep.equal([]);
      expect(read('cut')).to.equal('cut\n');
      return;
    }
    expect(exact).to.equal(false);
    expect(told(warnings)).to.match(/contents of .*\/shared do not come back: they are /);
    await rig.continueToBreakpoint();
    expect(told(await rig.core.checkRollback(id))).to.match(/contents of .*\/cut do not come back/);
    const { warnings: left } = await rig.core.rollback(id);
    expect(told(left)).to.match(/contents of .*\/cut do not come back/);
    expect(read('cut')).to.equal('cut\n');
  });

  it('tells of more files than there are descriptors to keep track of them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rollpoint-files-test-'));
    const limit = (soft: string) => execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${soft}:`]);
    const former = execFileSync('prlimit', ['--pid', String(process.pid), '--nofile', '--noheadings', '--output', 'SOFT'], { encoding: 'utf8' }).trim();
    limit('400');
    const rig = await Rig.launch('manyfiles', [], { cwd: folder });
    try {
      await rig.breakAt('at_armed', 'at_changed');
      await rig.continueToBreakpoint();
      const { id, warnings } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      expect(warnings).to.deep.equal([]);
      await rig.continueToBreakpoint();
      const later = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      expect(later.warnings.map(({ message }) => message).join()).to.match(/^The program has changed more files than Rollpoint can keep track of \(200;/);
      await rig.core.rollback(id);
      await rig.continueToBreakpoint();
    } finally {
      await rig.dispose();
      limit(former);
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a program whose calls that change files cannot be seen', () => {
  const warningsOf = async (program: string, args: string[], times: number, files: 'rewind' | 'keep' = 'rewind') => {
    const rig = await Rig.launch(program, args);
    try {
      await rig.breakAt('at_begin');
      await rig.continueToBreakpoint();
      const result: string[][] = [];
      while (result.length < times) {
        result.push((await rig.core.capture({ tid: rig.pid, files })).warnings.map(({ kind }) => kind));
      }
      return result;
    } finally {
      await rig.dispose();
    }
  };

  it('is told once, with what that means', async () => {
    expect(await warningsOf('bare', [], 2)).to.deep.equal([['fileCalls'], []]);
    expect(await warningsOf('bare', [], 1, 'keep')).to.deep.equal([[]]);
    expect(await warningsOf('told_number', [], 2)).to.deep.equal([['fileCalls'], []]);
    expect(await warningsOf('leaving_static', ['return', '3'], 1)).to.deep.equal([[]]);
    expect(await warningsOf('leaving', ['return', '3'], 1)).to.deep.equal([[]]);
  });
});

describe('a call of syscall() that changes files', () => {
  /** Where a program stands after each of its first instructions in change(). */
  const steps = async (snapshot: boolean) => {
    const folder = mkdtempSync(join(tmpdir(), 'rollpoint-files-test-'));
    const rig = await Rig.launch('rawfiles', [], { cwd: folder });
    try {
      await rig.breakAt('at_armed', 'change');
      await rig.continueToBreakpoint();
      if (snapshot) {
        await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      }
      await rig.continueToBreakpoint();
      await rig.clearBreakpoints();
      const places: bigint[] = [];
      while (places.length < 30) {
        await rig.step(rig.pid);
        places.push(await rig.register(rig.pid, 'rip'));
      }
      return places;
    } finally {
      await rig.dispose();
      rmSync(folder, { recursive: true });
    }
  };

  it('is stepped through as without snapshots', async () => {
    expect(await steps(true)).to.deep.equal(await steps(false));
  });
});
