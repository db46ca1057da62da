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

describe('a program of 32 bits', function () {
  if (!runs) return;

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
    // Not a child of our own: Node would take the reports of its stops.
    const shell = spawn('sh', ['-c', `${program} & echo "pid $!"; wait $!; echo "ended $?"`], { stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    const said = async (pattern: RegExp) => {
      while (!pattern.test(output)) await new Promise((resolve) => shell.stdout.once('data', resolve));
      return pattern.exec(output)![1]!;
    };
    shell.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
    await said(/(READY)/);
    const pid = Number(await said(/pid (\d+)/));
    const supervisor = addon.createSupervisor({}, () => {});
    for (let turn = 0; turn < 5; ++turn) {
      expect((await failure(supervisor.attach(pid))).message).to.match(reason);
    }
    await supervisor.dispose();
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).to.match(/^TracerPid:\s+0$/m);
    process.kill(pid, 'SIGTERM');
    expect(await said(/ended (\d+)/)).to.equal('143');
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
