// The question before a restore that would not bring everything back: one notification with the list, whatever leads to
// the restore, and none any more in this session when the user says so.
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import * as path from 'node:path';
import { checkout } from '../host/location.mjs';
import { openWorkbench } from './workbench.mjs';

const file = 'outgoing.cpp';
const mark = '@told';

describe('a restore that is not whole', function () {
  this.bail(true);
  let workbench;
  const connections = [];
  const server = createServer((socket) => connections.push(socket.on('error', () => undefined).resume()));
  before(async () => {
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    workbench = await openWorkbench({ userSettings: { 'debug.internalConsoleOptions': 'neverOpen' } });
    const { folder } = workbench;
    cpSync(path.join(checkout, 'test/debuggees', file), path.join(folder, file));
    mkdirSync(path.join(folder, 'build'), { recursive: true });
    expect(spawnSync('g++', ['-g', '-O0', file, '-o', 'build/outgoing'], { cwd: folder, stdio: 'inherit' }).status).to.equal(0);
    const configuration = {
      type: 'rollpoint', request: 'launch', name: 'A client', program: '${workspaceFolder}/build/outgoing', args: [String(server.address().port)],
    };
    writeFileSync(path.join(folder, '.vscode/launch.json'), JSON.stringify({ version: '0.2.0', configurations: [configuration] }));
  });
  after(async () => {
    await workbench?.close();
    for (const socket of connections) socket.destroy();
    server.close();
  });
  afterEach(async function () {
    if (this.currentTest.state === 'failed') await workbench?.tellFailure('consent');
  });

  const stopAt = async (id) => {
    await workbench.timeline.currentRow(id).waitFor();
    await workbench.debug.waitForVariable('step', String(id));
    await workbench.editor.stoppedLine.waitFor();
  };
  const question = (id) => workbench.notification(`Restoring snapshot ${id} does not bring everything back.`);

  it('has three snapshots, between which the program talks to a server', async () => {
    await workbench.editor.openFile(file);
    await workbench.editor.toggleBreakpoint(mark);
    await workbench.debug.show();
    for (const pane of ['Watch', 'Breakpoints', 'Call Stack']) await workbench.debug.expandPane(pane, false);
    for (let step = 1; step <= 3; step++) {
      await workbench.press('F5');
      await stopAt(step);
    }
    await workbench.makeRoom({ top: 400, right: 620 });
  });

  it('is asked about by Step back, and not done when the question is closed', async () => {
    await workbench.debug.button('Step Back').click();
    await question(2).waitFor();
    expect(await question(2).innerText()).to.match(/Since the snapshot 7 bytes went to 127\.0\.0\.1/);
    await workbench.screenshot('consent');
    await workbench.closeNotification(question(2));
    await question(2).waitFor({ state: 'detached' });
    await stopAt(3);
    await workbench.debug.button('Step Back').waitFor();
  });

  it('is asked about by Continue while the past is on screen, and done when it is wanted', async () => {
    await workbench.timeline.select(1);
    await workbench.timeline.page.getByText('Viewing snapshot 1').waitFor();
    await workbench.debug.waitForVariable('step', '1');
    await workbench.editor.stoppedLine.waitFor();
    await workbench.debug.button('Continue').click();
    await question(1).waitFor();
    await question(1).getByText('Restore anyway').click();
    await workbench.timeline.currentRow(4).waitFor();
    await workbench.debug.waitForVariable('step', '2');
    expect(await workbench.timeline.drawing()).to.deep.equal(['1', '2', '3', '  4 current']);
  });

  it('is not asked about any more in this session when the user says so', async () => {
    await workbench.debug.button('Step Back').click();
    await question(1).getByText("Restore, don't ask again in this session").click();
    await workbench.timeline.currentRow(1).waitFor();
    await stopAt(1);
    await workbench.timeline.pressButton(3, 'Restore');
    await stopAt(3);
    await workbench.debug.button('Step Back').click();
    await stopAt(2);
    for (const id of [1, 2, 3]) expect(await question(id).count()).to.equal(0);
  });
});
