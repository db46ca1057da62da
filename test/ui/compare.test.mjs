// Two moments side by side, and what if: on the sample's warehouse, by mouse and by keyboard.
import { expect } from 'chai';
import { openWorkbench } from './workbench.mjs';

const perOrder = 'break here';

describe('compare, and what if', function () {
  this.bail(true);
  let workbench;
  before(async () => {
    workbench = await openWorkbench({ size: { width: 1280, height: 1100 }, userSettings: { 'debug.internalConsoleOptions': 'neverOpen', 'diffEditor.renderSideBySide': true, 'diffEditor.useInlineViewWhenSpaceIsLimited': false } });
  });
  after(() => workbench?.close());
  afterEach(async function () {
    if (this.currentTest.state === 'failed') await workbench?.tellFailure('compare');
  });

  /** The next stop, with its snapshot. */
  const goOnTo = async (id, name, value) => {
    await workbench.press('F5');
    await workbench.timeline.currentRow(id).waitFor();
    await workbench.debug.waitForVariable(name, value);
    await workbench.editor.stoppedLine.waitFor();
  };
  /** Types the values in the first of the two questions of "Branch here with…". */
  const branchWith = async (id, assignments) => {
    await workbench.quickInput.titled(`Branch from snapshot ${id} with`).waitFor();
    await workbench.page.keyboard.insertText(assignments);
    await workbench.press('Enter');
    await workbench.quickInput.titled(`Branch from snapshot ${id} with ${assignments}`).waitFor();
  };
  const diffShows = (side, text) => workbench.editor.diffLine(side, text).first().waitFor();

  it('stops at the first order', async () => {
    await workbench.editor.openFile('warehouse.cpp');
    await workbench.editor.goToLine(workbench.lineOf(perOrder));
    await workbench.editor.toggleBreakpoint(perOrder);
    await workbench.debug.show();
    for (const pane of ['Breakpoints', 'Call Stack']) await workbench.debug.expandPane(pane, false);
    await workbench.debug.addWatch('booked_ * 2');
    await goOnTo(1, 'wanted', '40');
  });

  it('goes on to the next two', async () => {
    await workbench.makeRoom({ top: 420, right: 560 });
    await goOnTo(2, 'wanted', '55');
    await goOnTo(3, 'wanted', '25');
  });

  it('compares with the present by the menu of a row', async () => {
    await workbench.timeline.chooseFromMenu(1, 'Compare with present');
    await workbench.editor.tab('Snapshot 1 ↔ Present').waitFor();
    await diffShows('original', 'wanted: int = 40');
    await diffShows('modified', 'wanted: int = 25');
    await diffShows('original', 'booked_ * 2: int = 0');
    await diffShows('modified', 'booked_ * 2: int = 190');
    await workbench.screenshot('compare-present');
  });

  it('shows the bytes of a mapping in a hex diff, by the button of the editor', async () => {
    await workbench.editor.action('Show bytes').click();
    await workbench.quickInput.row('[heap]').click();
    await workbench.editor.tab('[heap]').waitFor();
    await diffShows('modified', /^[0-9a-f]{12}\s(\s[0-9a-f]{2}){8}\s(\s[0-9a-f]{2}){8}\s\s\|.{16}\|$/);
    await workbench.screenshot('compare-bytes');
  });

  it('compares two snapshots by keys in the timeline', async () => {
    await workbench.timeline.select(1);
    await workbench.press('s', 'ArrowDown', 'd');
    await workbench.editor.tab('Snapshot 1 ↔ Snapshot 2').waitFor();
    await diffShows('original', 'wanted: int = 40');
    await diffShows('modified', 'wanted: int = 55');
  });

  it('compares two moments by the palette', async () => {
    await workbench.quickInput.command('Rollpoint: Compare snapshots');
    await workbench.quickInput.titled('Compare: first snapshot').waitFor();
    await workbench.page.keyboard.insertText('#2 ');
    await workbench.quickInput.row(/#1 ·/).waitFor({ state: 'hidden' });
    await workbench.press('Enter');
    await workbench.quickInput.titled('Compare: with which one').waitFor();
    await workbench.quickInput.row('Present').click();
    await workbench.editor.tab('Snapshot 2 ↔ Present').waitFor();
    await diffShows('original', 'wanted: int = 55');
    await diffShows('modified', 'wanted: int = 25');
  });

  it('says so where nothing differs', async () => {
    await workbench.timeline.chooseFromMenu(3, 'Compare with present');
    await workbench.notification('Snapshot 3 and Present do not differ.').waitFor();
  });

  it('asks what if by the menu of a row, and shows the outcomes side by side', async () => {
    await workbench.timeline.page.getByText('Return to present').click();
    await workbench.debug.waitForVariable('wanted', '25');
    await workbench.timeline.chooseFromMenu(2, 'Branch here with…');
    await branchWith(2, 'wanted = 33; booked_ = 1000');
    await workbench.screenshot('branch-with');
    await workbench.quickInput.row('Run to the next breakpoint').click();
    const told = workbench.notification('With wanted = 33; booked_ = 1000 at snapshot 2');
    await told.waitFor();
    expect(await told.innerText()).to.include('snapshot 4. You left it at snapshot 3.');
    expect(await workbench.timeline.drawing()).to.deep.equal(['1', '2', '3', '  4 current']);
    await told.getByText('Compare', { exact: true }).click();
    await workbench.editor.tab('Snapshot 3 ↔ Present').waitFor();
    await diffShows('original', 'booked_ * 2: int = 190');
    await diffShows('modified', 'booked_ * 2: int = 2110');
    await workbench.screenshot('branch-compared');
  });

  it('asks by a key, says what cannot be set, and stays', async () => {
    await workbench.timeline.select(2);
    await workbench.press('b');
    await branchWith(2, 'nothing = 1');
    await workbench.page.keyboard.insertText('Stay');
    await workbench.quickInput.row('Run to the end').waitFor({ state: 'hidden' });
    await workbench.press('Enter');
    await workbench.notification('"nothing = 1" cannot be set at snapshot 2').waitFor();
    await workbench.timeline.currentRow(4).waitFor();
    await workbench.quickInput.command('Rollpoint: Branch here with');
    await workbench.quickInput.titled('Branch here with').waitFor();
    await workbench.quickInput.row(/#2 ·/).click();
    await branchWith(2, 'wanted = 33');
    await workbench.quickInput.row('Stay there').click();
    await workbench.timeline.currentRow(2).waitFor();
    await workbench.debug.waitForVariable('wanted', '33');
    await workbench.screenshot('branch-stays');
  });

  it('runs to the end by keys, where but one thread is left', async () => {
    await workbench.quickInput.commandByKeys('Rollpoint: Branch here with');
    await workbench.quickInput.titled('Branch here with').waitFor();
    await workbench.quickInput.pickByKeys('#2 ');
    await branchWith(2, 'wanted = 44');
    await workbench.quickInput.pickByKeys('Run to the end');
    await workbench.notification('With wanted = 44 at snapshot 2').waitFor();
    await workbench.screenshot('branch-to-the-end');
  });

  for (const how of ['mouse', 'keys']) {
    it(`shows the frames of a moment, and those of a thread that has ended since, by ${how}`, async () => {
      await workbench.debug.expandPane('Watch', false);
      await workbench.debug.expandPane('Call Stack', true);
      await workbench.makeRoom({ top: 820, right: 560 });
      await workbench.debug.threadsShown(1);
      await workbench.timeline.whileViewing(2, how, async () => {
        await workbench.debug.waitForVariable('wanted', '55');
        await workbench.debug.callStackRows.filter({ hasText: 'Viewing snapshot 2' }).waitFor();
        const threads = await workbench.debug.threadsShown(4);
        await workbench.debug.selectFrame(threads.at(-1), 'clerk', how);
        await workbench.debug.variable('order').waitFor();
        await workbench.editor.showsFrameAt(workbench.lineOf('while (book.take(order))'));
        await workbench.screenshot(`frames-by-${how}`);
      });
      await workbench.debug.threadsShown(1);
    });
  }
});
