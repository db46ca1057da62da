// A session by mouse and keyboard: snapshots appear, one is taken, earlier ones are restored, a branch grows.
import { expect } from 'chai';
import { openWorkbench } from './workbench.mjs';

const mark = 'break here';

describe('a session by mouse and keyboard', function () {
  // One story: each step needs those before it.
  this.bail(true);
  let workbench;
  let markLine;
  before(async () => {
    workbench = await openWorkbench();
    markLine = workbench.lineOf(mark);
  });
  after(() => workbench?.close());
  afterEach(async function () {
    if (this.currentTest.state === 'failed') await workbench?.tellFailure('session');
  });

  /**
   * Continues to the next stop: its snapshot, and the value that `wanted` has there and not at the stop before. The row
   * comes before the stop itself; keys pressed in between would be lost.
   */
  const goOnTo = async (id, wanted) => {
    await workbench.press('F5');
    await workbench.timeline.currentRow(id).waitFor();
    await workbench.debug.waitForVariable('wanted', wanted);
    await workbench.editor.stoppedLine.waitFor();
  };

  it('builds the sample, starts at F5 and stops at the breakpoint', async () => {
    await workbench.editor.openFile('warehouse.cpp');
    await workbench.editor.goToLine(markLine);
    await workbench.editor.toggleBreakpoint(mark);
    await workbench.debug.show();
    await workbench.debug.expandPane('Watch', false);
    await workbench.debug.expandPane('Breakpoints', false);
    await workbench.debug.expandPane('Call Stack', false);
    await workbench.press('F5');
    await workbench.debug.toolbar.waitFor();
    await workbench.editor.stopsAt(markLine);
    await workbench.debug.waitForVariable('wanted', '40');
  });

  it('opens the view by itself the first time, with the first snapshot as the current one', async () => {
    await workbench.timeline.currentRow(1).waitFor();
    // Rows out of sight are not in the page.
    await workbench.makeRoom({ top: 400, right: 620 });
    expect(await workbench.timeline.row(1).innerText()).to.match(new RegExp(`Warehouse::carry_out\\s+warehouse.cpp:${markLine}`));
    expect(await workbench.timeline.description(1)).to.match(/#1 · breakpoint · thread \d+ · \d\d:\d\d:\d\d · [\d.]+ [µm]s/);
    expect(await workbench.timeline.row(1).getAttribute('aria-label')).to.match(/^Current snapshot 1, Warehouse::carry_out/);
  });

  it('adds one at every stop', async () => {
    await goOnTo(2, '55');
    await goOnTo(3, '25');
    expect(await workbench.timeline.drawing()).to.deep.equal(['1', '2', '3 current']);
    await workbench.screenshot('three-stops');
  });

  it('counts them in the status bar', async () => {
    const item = workbench.page.locator('.statusbar-item', { hasText: /3 · [\d.]+ [KM]iB · [\d.]+ [µm]s/ });
    await item.waitFor();
    expect(await item.locator('a').getAttribute('aria-label')).to.match(/^3 snapshots, .*, last pause /);
  });

  it('takes one by the camera in the debug toolbar, and one by that in the view', async () => {
    await workbench.press('F10');
    await workbench.editor.stopsAt(markLine + 1);
    await workbench.debug.button('Take snapshot').click();
    await workbench.timeline.currentRow(4).waitFor();
    await workbench.timeline.pane.locator('.pane-header').hover();
    await workbench.timeline.pane.locator('.pane-header .action-label[aria-label^="Take snapshot"]').click();
    await workbench.timeline.currentRow(5).waitFor();
    expect(await workbench.timeline.description(5)).to.include('by hand');
  });

  it('takes one with a name by the palette', async () => {
    await workbench.quickInput.command('Rollpoint: Take snapshot');
    await workbench.quickInput.type('third order booked');
    await workbench.timeline.currentRow(6).waitFor();
    expect(await workbench.timeline.row(6).innerText()).to.include('third order booked');
  });

  it('restores by the button of a row', async () => {
    await goOnTo(7, '30');
    await workbench.timeline.pressButton(1, 'Restore');
    await workbench.timeline.currentRow(1).waitFor();
    await workbench.debug.waitForVariable('wanted', '40');
    await workbench.editor.stopsAt(markLine);
    await workbench.screenshot('restored');
  });

  it('grows a branch when the program goes on', async () => {
    await goOnTo(8, '55');
    await goOnTo(9, '25');
    expect(await workbench.timeline.drawing()).to.deep.equal(['1', '2', '3', '4', '5', '6', '7', '  8', '  9 current']);
    await workbench.screenshot('branch');
  });

  it('restores by Enter', async () => {
    await workbench.timeline.select(3);
    await workbench.press('ArrowUp', 'Enter');
    await workbench.timeline.currentRow(2).waitFor();
    await workbench.debug.waitForVariable('wanted', '55');
  });

  it('restores by the command and its list', async () => {
    await workbench.quickInput.command('Rollpoint: Restore snapshot');
    await workbench.page.locator('.quick-input-title', { hasText: 'Restore snapshot' }).waitFor();
    await workbench.screenshot('quick-pick');
    await workbench.quickInput.row('#9').click();
    await workbench.timeline.currentRow(9).waitFor();
    await workbench.debug.waitForVariable('wanted', '25');
  });

  it('steps back and runs backwards', async () => {
    await workbench.debug.button('Step Back').click();
    await workbench.timeline.currentRow(8).waitFor();
    await workbench.debug.waitForVariable('wanted', '55');
    await workbench.debug.button('Reverse').click();
    await workbench.timeline.currentRow(1).waitFor();
    await workbench.debug.waitForVariable('wanted', '40');
  });

  it('does both by keys', async () => {
    await workbench.timeline.row(9).dblclick();
    await workbench.timeline.currentRow(9).waitFor();
    await workbench.debug.waitForVariable('wanted', '25');
    await workbench.press('Control+Shift+Alt+PageUp');
    await workbench.timeline.currentRow(8).waitFor();
    await workbench.debug.waitForVariable('wanted', '55');
    await workbench.press('Control+Shift+Alt+Home');
    await workbench.timeline.currentRow(1).waitFor();
    await workbench.debug.waitForVariable('wanted', '40');
  });

  it('shows an earlier one at a click, while the process stays where it is', async () => {
    const mark = workbench.timeline.page.locator('#mark');
    await workbench.timeline.row(9).dblclick();
    await workbench.timeline.currentRow(9).waitFor();
    await workbench.debug.waitForVariable('wanted', '25');
    await workbench.timeline.row(2).click();
    await workbench.debug.waitForVariable('wanted', '55');
    await mark.getByText('Viewing snapshot 2').waitFor();
    await workbench.timeline.currentRow(9).waitFor();
    await workbench.page.locator('.statusbar-item', { hasText: 'Viewing snapshot 2' }).waitFor();
    // The keyboard stays in the timeline.
    await workbench.timeline.hasKeyboard(2);
    await workbench.press('ArrowDown', 'Space');
    await mark.getByText('Viewing snapshot 3').waitFor();
    await workbench.timeline.hasKeyboard(3);
    await workbench.screenshot('viewing');
    await mark.getByText('Return to present').click();
    await workbench.debug.waitForVariable('wanted', '25');
    await mark.waitFor({ state: 'hidden' });
    await workbench.timeline.hasKeyboard();
    expect((await workbench.timeline.drawing()).filter((line) => line.includes('current'))).to.deep.equal(['  9 current']);
  });

  it('goes from snapshot to snapshot by keys, and back to the present by the status bar', async () => {
    await workbench.press('Control+Alt+PageUp');
    await workbench.debug.waitForVariable('wanted', '55');
    await workbench.timeline.page.getByText('Viewing snapshot 8').waitFor();
    await workbench.press('Control+Alt+PageUp');
    await workbench.timeline.page.getByText('Viewing snapshot 1', { exact: true }).waitFor();
    await workbench.press('Control+Alt+PageDown');
    await workbench.timeline.page.getByText('Viewing snapshot 8').waitFor();
    await workbench.page.locator('.statusbar-item', { hasText: 'Viewing snapshot 8' }).click();
    await workbench.debug.waitForVariable('wanted', '25');
  });

  it('shows one by the space bar, and goes on from there', async () => {
    await workbench.timeline.select(9);
    await workbench.press('Home', 'Space');
    await workbench.debug.waitForVariable('wanted', '40');
    await workbench.timeline.page.getByText('Viewing snapshot 1', { exact: true }).waitFor();
    await workbench.timeline.page.getByText('Go on from here').click();
    await workbench.timeline.currentRow(1).waitFor();
    await workbench.timeline.page.locator('#mark').waitFor({ state: 'hidden' });
    await workbench.debug.waitForVariable('wanted', '40');
  });

  it('renames by F2', async () => {
    await workbench.timeline.select(2);
    await workbench.press('F2');
    await workbench.quickInput.type('nuts arrive');
    await workbench.timeline.row(2).filter({ hasText: 'nuts arrive' }).waitFor();
  });

  it('pins and unpins, by button, by menu and by key', async () => {
    const pinned = workbench.timeline.row(2).locator('.badge.pin');
    await workbench.timeline.pressButton(2, 'Pin');
    await pinned.waitFor();
    await workbench.screenshot('pinned');
    await workbench.timeline.chooseFromMenu(2, 'Unpin snapshot');
    await pinned.waitFor({ state: 'detached' });
    await workbench.timeline.select(2);
    await workbench.press('p');
    await pinned.waitFor();
    await workbench.press('p');
    await pinned.waitFor({ state: 'detached' });
  });

  it('has a menu for each row', async () => {
    await workbench.timeline.row(3).click({ button: 'right' });
    for (const label of ['Restore snapshot', 'Rename snapshot…', 'Pin snapshot', 'Delete snapshot']) await workbench.menu.item(label).waitFor();
    await workbench.screenshot('menu');
    await workbench.press('Escape');
    await workbench.menu.item('Rename snapshot…').waitFor({ state: 'detached' });
    await workbench.timeline.chooseFromMenu(3, 'Rename snapshot…');
    await workbench.quickInput.type('bolts are sold');
    await workbench.timeline.row(3).filter({ hasText: 'bolts are sold' }).waitFor();
  });

  it('has the same menu by key', async () => {
    const pinned = workbench.timeline.row(3).locator('.badge.pin');
    await workbench.timeline.select(3);
    await workbench.timeline.row(3).click({ button: 'right' });
    const entries = await workbench.menu.entries();
    await workbench.press('Escape');
    await workbench.timeline.hasKeyboard(3);
    for (const key of ['Shift+F10', 'ContextMenu']) {
      await workbench.timeline.openMenuByKey(key);
      expect(await workbench.menu.entries()).to.deep.equal(entries);
      await workbench.screenshot(`menu-by-${key}`);
      await workbench.press('Escape');
      await workbench.timeline.hasKeyboard(3);
    }
    await workbench.timeline.openMenuByKey('Shift+F10');
    await workbench.menu.chooseByKeys('Pin snapshot');
    await pinned.waitFor();
    await workbench.timeline.hasKeyboard(3);
    await workbench.timeline.openMenuByKey('ContextMenu');
    await workbench.menu.chooseByKeys('Unpin snapshot');
    await pinned.waitFor({ state: 'detached' });
    await workbench.timeline.hasKeyboard(3);
    await workbench.timeline.openMenuByKey('Shift+F10');
    await workbench.menu.chooseByKeys('Return to present');
    await workbench.debug.waitForVariable('wanted', '40');
    await workbench.timeline.page.locator('#mark').waitFor({ state: 'hidden' });
  });

  it('deletes by key and by button', async () => {
    await workbench.timeline.select(5);
    // What is on screen goes, so the present comes back: the next key must not meet the source.
    await workbench.press('Delete');
    await workbench.timeline.row(5).waitFor({ state: 'detached' });
    await workbench.timeline.hasKeyboard(6);
    await workbench.debug.waitForVariable('wanted', '40');
    await workbench.timeline.pressButton(4, 'Delete');
    await workbench.timeline.row(4).waitFor({ state: 'detached' });
    expect(await workbench.timeline.drawing()).to.deep.equal(['1 current', '2', '3', '6', '7', '  8', '  9']);
  });

  it('goes on differently after a variable is changed', async () => {
    await workbench.page.locator('.view-line', { hasText: mark }).first().click();
    await workbench.debug.setVariable(undefined, 'wanted', '33');
    await goOnTo(10, '55');
    await goOnTo(11, '18');
    await workbench.screenshot('second-branch');
  });

  it('tells all of a snapshot where the mouse rests, and by key', async () => {
    const card = workbench.timeline.page.locator('#card');
    const expectAll = async () => {
      await card.waitFor();
      const text = await card.innerText();
      for (const word of ['Snapshot 2: nuts arrive', 'Warehouse::carry_out', 'warehouse.cpp', 'breakpoint', 'page', 'Pause', 'snapshot 1']) {
        expect(text).to.include(word);
      }
    };
    await workbench.timeline.row(2).locator('.label').hover();
    await expectAll();
    await workbench.screenshot('card');
    await workbench.debug.toolbar.hover();
    await card.waitFor({ state: 'hidden' });
    await workbench.timeline.select(2);
    await workbench.press('i');
    await expectAll();
    // It stays open, and tells what becomes of the row.
    await workbench.press('p');
    await card.filter({ hasText: 'stays until you delete it' }).waitFor();
    await workbench.press('p');
    await card.filter({ hasNotText: 'stays until you delete it' }).waitFor();
    await expectAll();
    await workbench.press('Escape');
    await card.waitFor({ state: 'hidden' });
  });

  it('moves by keys, along the page and along the lines', async () => {
    await workbench.timeline.select(2);
    for (const [key, id] of [
      ['End', 11],
      ['ArrowLeft', 10],
      ['ArrowLeft', 1],
      ['ArrowRight', 10],
      ['Home', 1],
      ['ArrowDown', 2],
      ['ArrowUp', 1],
      ['PageDown', 11],
      ['PageUp', 1],
    ]) {
      await workbench.press(key);
      await workbench.timeline.selectedRow(id).waitFor();
    }
    expect(await workbench.timeline.row(1).evaluate((row) => row === row.ownerDocument.activeElement)).to.equal(true);
  });

  it('zooms by keys, and remembers it when it was hidden', async () => {
    const density = (name) => workbench.timeline.page.locator(`#timeline[data-density="${name}"]`);
    await workbench.timeline.select(3);
    await workbench.press('+', '+', '+');
    await density('full').waitFor();
    await workbench.screenshot('zoomed-in');
    await workbench.press('Control+Shift+E');
    await workbench.timeline.row(3).waitFor({ state: 'detached' });
    await workbench.press('Control+Shift+D');
    await density('full').waitFor();
    await workbench.timeline.selectedRow(3).waitFor();
    await workbench.timeline.select(3);
    await workbench.press('0', '-', '-', '-', '-');
    await density('overview').waitFor();
    await workbench.screenshot('zoomed-out');
    await workbench.press('0');
    await density('line').waitFor();
  });

  it('deletes all but the pinned ones', async () => {
    await workbench.timeline.pressButton(2, 'Pin');
    await workbench.quickInput.command('Rollpoint: Delete all snapshots');
    const question = workbench.notification('Delete all 9 snapshots of this session?');
    await question.waitFor();
    await workbench.screenshot('delete-all');
    await question.getByText('Keep pinned').click();
    await workbench.timeline.row(1).waitFor({ state: 'detached' });
    expect(await workbench.timeline.drawing()).to.deep.equal(['2', 'now']);
    await workbench.timeline.pressButton(2, 'Restore');
    await workbench.timeline.currentRow(2).waitFor();
    await workbench.debug.waitForVariable('wanted', '55');
  });

  it('starts anew with Restart', async () => {
    await workbench.press('Control+Shift+F5');
    await workbench.timeline.currentRow(1).waitFor();
    await workbench.debug.waitForVariable('wanted', '40');
    expect(await workbench.timeline.drawing()).to.deep.equal(['1 current']);
    await goOnTo(2, '55');
  });

  it('forgets the list when the session ends', async () => {
    await workbench.press('Shift+F5');
    await workbench.debug.toolbar.waitFor({ state: 'hidden' });
    await workbench.timeline.page.getByText('Start debugging').waitFor();
    expect(await workbench.timeline.rows.count()).to.equal(0);
  });
});
