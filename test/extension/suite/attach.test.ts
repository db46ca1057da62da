// Attaching to a process that runs already, and leaving it as it was.
import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as vscode from 'vscode';
import type { SnapshotInfo } from '../../../adapter/protocol';
import { commandIds } from '../../../extension/contributions';
import { currentId, endSession, folder, resume, stopAfter, untilConfigured, watchStops } from './support';

/** Without the pipes that VS Code leaves open to its children: for those, a restore would ask first. */
const alone = 'for fd in /proc/$$/fd/*; do n=${fd##*/}; if ((n > 2)); then exec {n}>&-; fi; done; exec sleep 600';

describe('attaching', () => {
  const stops = watchStops();
  let sleeper: ChildProcess;
  before(() => (sleeper = spawn('bash', ['-c', alone], { stdio: 'ignore' })));
  after(async () => {
    await endSession(); // Only after a failure.
    sleeper.kill('SIGKILL');
    stops.dispose();
  });

  it('stops the process, and takes and restores snapshots of it', async () => {
    const stop = await stopAfter(async () => {
      const config = { type: 'rollpoint', request: 'attach', name: 'test', pid: String(sleeper.pid) };
      expect(await vscode.debug.startDebugging(folder, config)).to.equal(true);
      await untilConfigured();
      await resume('pause', 1);
    });
    const taken = await vscode.commands.executeCommand<SnapshotInfo>(commandIds.takeSnapshotNow);
    expect(taken).to.include({ reason: 'manual', label: null });
    await resume('continue', stop.threadId);
    await stopAfter(() => resume('pause', stop.threadId));
    const back = await stopAfter(() => vscode.commands.executeCommand(commandIds.restoreSnapshot, taken.id));
    expect(back.description).to.equal(`Restored snapshot ${taken.id}`);
    expect(await currentId()).to.equal(taken.id);
  });

  it('lets it run on when the session ends', async () => {
    // What the button Disconnect does; to stop a session from code means to end the process.
    await endSession(() => vscode.commands.executeCommand('workbench.action.debug.disconnect'));
    const status = (): string => readFileSync(`/proc/${sleeper.pid}/status`, 'utf8');
    expect(status()).to.match(/^TracerPid:\s+0$/m);
    // It may still be on its way back into the call in which it slept.
    for (let left = 300; /^State:\s+R/m.test(status()) && left > 0; left -= 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(status()).to.match(/^State:\s+S/m);
  });
});
