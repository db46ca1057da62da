// What the window shows of Rollpoint before anything is debugged, and how it refuses what cannot work.
import { expect } from 'chai';
import { rmSync } from 'node:fs';
import * as path from 'node:path';
import { openWorkbench } from './workbench.mjs';

/** Straight into restricted mode. */
const userSettings = { 'security.workspace.trust.startupPrompt': 'never', 'security.workspace.trust.banner': 'never' };

describe('the window, before a session', () => {
  let workbench;
  before(async () => (workbench = await openWorkbench()));
  after(() => workbench?.close());
  afterEach(async function () {
    if (this.currentTest.state === 'failed') await workbench?.tellFailure('window');
  });

  it('shows the view Snapshots, which says what it is for', async () => {
    await workbench.openFile('warehouse.cpp');
    await workbench.showDebugView();
    await workbench.expandPane('Snapshots', true);
    await workbench.timeline.getByText('Restore one to go on from that moment').waitFor();
    await workbench.timeline.getByText('Start debugging').waitFor();
    await workbench.screenshot('welcome');
  });

  it('offers no command that makes no sense yet', async () => {
    await workbench.openPalette('Rollpoint');
    await workbench.page.locator('.quick-input-list .monaco-list-row').first().waitFor();
    expect(await workbench.paletteRow('Rollpoint: Take snapshot').count()).to.equal(0);
    expect(await workbench.paletteRow('Rollpoint: Restore snapshot').count()).to.equal(0);
    await workbench.press('Escape');
  });

  it('has its settings', async () => {
    await workbench.press('Control+,');
    const titles = workbench.page.locator('.settings-editor .setting-item-label');
    // What is typed before the first settings are there is lost.
    await titles.first().waitFor();
    await workbench.page.locator('.settings-editor .suggest-input-container').click();
    await workbench.page.keyboard.insertText('@ext:rollpoint.rollpoint');
    // The path of gdb belongs to the machine, so it stands under Remote, not under User.
    for (const title of ['Auto', 'Memory Limit', 'Files']) await titles.filter({ hasText: title }).waitFor();
    await workbench.screenshot('settings');
  });
});

describe('a start that cannot work', () => {
  let workbench;
  before(async () => (workbench = await openWorkbench()));
  after(() => workbench?.close());
  afterEach(async function () {
    if (this.currentTest.state === 'failed') await workbench?.tellFailure('start');
  });

  it('says what is missing, and builds and debugs when asked to', async () => {
    // Without launch.json, so F5 goes by the open file; nothing is built yet.
    rmSync(path.join(workbench.folder, '.vscode/launch.json'));
    await workbench.openFile('warehouse.cpp');
    await workbench.goToLine(workbench.lineOf('break here'));
    await workbench.toggleBreakpoint('break here');
    await workbench.press('F5');
    const message = workbench.notification('No program was found for warehouse.cpp');
    await workbench.chooseDebugger('Rollpoint', message);
    await workbench.screenshot('not-built');
    await message.getByText('Build and debug').click();
    await workbench.stopsAt(workbench.lineOf('break here'));
    await workbench.press('Shift+F5');
    await workbench.debugToolbar.waitFor({ state: 'hidden' });
  });
});

describe('a folder that is not trusted', () => {
  let workbench;
  before(async () => (workbench = await openWorkbench({ trustPrompt: true, userSettings })));
  after(() => workbench?.close());
  afterEach(async function () {
    if (this.currentTest.state === 'failed') await workbench?.tellFailure('trust');
  });

  it('shows the view, and VS Code asks for trust before it debugs', async () => {
    await workbench.page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).waitFor();
    await workbench.openFile('warehouse.cpp');
    await workbench.showDebugView();
    await workbench.expandPane('Snapshots', true);
    await workbench.timeline.getByText('Start debugging').waitFor();
    await workbench.press('F5');
    const question = workbench.page.locator('.monaco-dialog-box');
    await question.waitFor();
    expect(await question.innerText()).to.match(/trust/i);
    await workbench.screenshot('not-trusted');
    await workbench.press('Escape');
    expect(await workbench.debugToolbar.isVisible()).to.equal(false);
  });
});
