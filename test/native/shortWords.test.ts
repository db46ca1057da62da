// Programs of 32 bits are refused with a reason, wherever they come from, and go on unharmed where they run already.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

import { addon, Rig } from '../support/native';

const program = join(import.meta.dirname, '..', 'debuggees', 'build', 'short');
/** A kernel may be built, or told, to run none. */
const runs = spawnSync('timeout', ['-s', 'USR1', '0.2', program]).stdout.toString() === 'READY\n';
const reason = /short is a 32-bit program; Rollpoint debugs 64-bit programs only/;

async function failure(work: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error('It was not refused');
}

(runs ? describe : describe.skip)('a program of 32 bits', () => {
  let rig: Rig | undefined;
  afterEach(async () => {
    await rig?.dispose();
    rig = undefined;
  });

  it('is refused at the launch', async () => {
    for (let turn = 0; turn < 5; ++turn) {
      const error = await failure(Rig.launch(program));
      expect(error.message).to.match(reason);
      expect(error.code).to.equal('RP_UNSUPPORTED');
    }
  });

  it('is refused when attached to, and runs on', async () => {
    const child = spawn(program, { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const supervisor = addon.createSupervisor({}, () => {});
    for (let turn = 0; turn < 5; ++turn) {
      expect((await failure(supervisor.attach(child.pid!))).message).to.match(reason);
    }
    await supervisor.dispose();
    expect(readFileSync(`/proc/${child.pid}/status`, 'utf8')).to.match(/^State:\s+S/m).and.match(/^TracerPid:\s+0$/m);
    const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
    child.kill('SIGTERM');
    expect(await ended).to.equal('SIGTERM');
  });

  it('lets go of one that a program turns into (exec)', async () => {
    rig = await Rig.launch('/bin/sh', ['-c', `exec ${program}`]);
    const event = await rig.continue();
    expect(event).to.deep.include({ type: 'exited' });
    expect(rig.logs.join('\n')).to.match(reason).and.match(/runs on without the debugger/);
    await rig.outputMatching(/READY/);
    process.kill(rig.pid, 'SIGKILL');
  });
});
