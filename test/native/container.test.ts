// In a container every process runs under a filter of system calls, Rollpoint's own too. Tests of snapshots once more, there.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { debuggee } from '../support/debuggees';

const root = join(import.meta.dirname, '../..');

describe('in a container', () => {
  it('snapshots work as outside', async () => {
    const mocha = ['--import', 'tsx', join(root, 'node_modules/mocha/bin/mocha.js'), '--reporter', 'json', '--timeout', '120000'];
    const what = 'rolls back in place|wherever ten threads|closed descriptors|what the kernel keeps|ten threads and all ids$';
    const env = { ...process.env };
    delete env['ROLLPOINT_RESULTS'];
    const { stdout } = await promisify(execFile)(
      debuggee('container').program,
      [process.execPath, ...mocha, 'test/native/snapshots.test.ts', '-g', what],
      { cwd: root, env, maxBuffer: 1 << 26 },
    ).catch((error: { stdout: string }) => error);
    const { stats, failures } = JSON.parse(stdout.slice(stdout.indexOf('{\n'))) as {
      stats: { passes: number };
      failures: { fullTitle: string; err: { message: string } }[];
    };
    expect(failures.map(({ fullTitle, err }) => `${fullTitle}: ${err.message}`)).to.deep.equal([]);
    expect(stats.passes).to.be.greaterThan(3);
  });
});
