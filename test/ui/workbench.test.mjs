// What the window shows of Rollpoint before anything is debugged, and how it refuses what cannot work.
import { expect } from 'chai';
import { openWorkbench } from './workbench.mjs';

describe('the window, before a session', () => {
  let workbench;
  before(async () => (workbench = await openWorkbench()));
  after(() => workbench?.close());
  afterEach(async function () {
    if (this.currentTest.state === 'failed') await workbench.screenshot('failed-window');
  });

  it('shows the view Snapshots, which says what it is for', async () => {
    await workbench.openFile('warehouse.cpp');
    await workbench.showDebugView();
    await workbench.expandPane('Snapshots', true);
    await workbench.snapshotsPane.getByText('Restore one to go on from that moment').waitFor();
    await workbench.snapshotsPane.getByText('Start debugging').waitFor();
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
    await workbench.command('View: Close Editor');
  });
});
