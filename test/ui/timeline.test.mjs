// The timeline with a thousand snapshots: only what is in sight is in the page, and all of it can be reached. Its looks
// in every kind of theme, and whether a screen reader can use it (axe-core).
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { seriousFaults, setTheme, themes } from './accessibility.mjs';
import { serveSnapshots, syntheticSnapshots } from './syntheticAdapter.mjs';
import { openWorkbench } from './workbench.mjs';

const number = 1000;

describe('a timeline of a thousand snapshots', function () {
  this.bail(true);
  let adapter;
  let workbench;
  before(async () => {
    workbench = await openWorkbench({ userSettings: { 'debug.internalConsoleOptions': 'neverOpen', 'editor.minimap.enabled': false } });
    const snapshots = syntheticSnapshots(number, path.join(workbench.folder, 'warehouse.cpp'));
    adapter = await serveSnapshots({ snapshots, current: number, peeking: null });
    const configuration = { type: 'rollpoint', request: 'launch', name: 'A long day', program: '/bin/true', debugServer: adapter.port };
    writeFileSync(path.join(workbench.folder, '.vscode/launch.json'), JSON.stringify({ version: '0.2.0', configurations: [configuration] }));
  });
  after(async () => {
    await workbench?.close();
    adapter?.close();
  });
  afterEach(async function () {
    if (this.currentTest.state === 'failed') await workbench?.tellFailure('timeline');
  });

  const page = (work, argument) => workbench.timeline.page.locator('#timeline').evaluate(work, argument);
  const scrollTo = (share) =>
    page((element, to) => {
      element.scrollTop = to * (element.scrollHeight - element.clientHeight);
      return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    }, share);

  it('shows the current one, and has no more rows than can be seen', async () => {
    await workbench.editor.openFile('warehouse.cpp');
    await workbench.debug.show();
    for (const pane of ['Variables', 'Watch', 'Breakpoints', 'Call Stack']) await workbench.debug.expandPane(pane, false);
    await workbench.press('F5');
    await workbench.timeline.currentRow(number).waitFor();
    await workbench.editor.stoppedLine.waitFor();
    await workbench.makeRoom({ top: 250, right: 560 });
    await workbench.timeline.selectedRow(number).waitFor();
    expect(await workbench.timeline.rows.count()).to.be.lessThan(70);
    expect(await workbench.timeline.row(number).getAttribute('aria-setsize')).to.equal(String(number));
  });

  it('has every row somewhere', async () => {
    // In one go: a round trip a step would take longer than all of them.
    const steps = await page(async (element) => {
      const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      const seen = [];
      for (let top = 0; top < element.scrollHeight; top += element.clientHeight) {
        element.scrollTop = top;
        await frame();
        seen.push([...element.querySelectorAll('.row')].map((row) => Number(row.dataset.id)));
      }
      return seen;
    });
    for (const ids of steps) expect(ids.length).to.be.lessThan(70);
    const seen = new Set(steps.flat());
    expect(seen.size).to.equal(number);
  });

  it('goes from end to end by keys', async () => {
    await workbench.timeline.select(number);
    await workbench.press('Home');
    await workbench.timeline.selectedRow(1).waitFor();
    for (let presses = 0; presses < 60; presses++) await workbench.press('ArrowDown');
    await workbench.timeline.selectedRow(61).waitFor();
    expect(await workbench.timeline.row(61).evaluate((row) => row === row.ownerDocument.activeElement)).to.equal(true);
    await workbench.press('End');
    await workbench.timeline.selectedRow(number).waitFor();
  });

  it('keeps the row that the keyboard stands on while the page is scrolled elsewhere', async () => {
    await scrollTo(0);
    await workbench.timeline.row(1).waitFor();
    expect(await workbench.timeline.row(number).evaluate((row) => row === row.ownerDocument.activeElement)).to.equal(true);
    await workbench.press('ArrowUp');
    await workbench.timeline.selectedRow(number - 1).waitFor();
    expect(await page((element) => element.scrollTop)).to.be.greaterThan(0);
  });

  it('zooms by wheel and key around what is under the mouse, from overview to full text', async () => {
    const rowsInSight = () =>
      page((element) => [...element.querySelectorAll('.row')].filter((row) => {
        const { top, bottom } = row.getBoundingClientRect();
        return bottom > 0 && top < element.clientHeight;
      }).length);
    await scrollTo(0.5);
    const before = await rowsInSight();
    const box = await workbench.timeline.page.locator('#timeline').boundingBox();
    await workbench.page.mouse.move(box.x + 100, box.y + box.height / 2);
    await workbench.page.keyboard.down('Control');
    for (let turn = 0; turn < 10; turn++) await workbench.page.mouse.wheel(0, 120);
    await workbench.page.keyboard.up('Control');
    await workbench.timeline.page.locator('#timeline[data-density="overview"]').waitFor();
    expect(await rowsInSight()).to.be.greaterThan(before * 2);
    expect(await workbench.timeline.rows.count()).to.be.lessThan(150);
    await workbench.screenshot('thousand-overview');
    for (let presses = 0; presses < 9; presses++) await workbench.press('+');
    await workbench.timeline.page.locator('#timeline[data-density="full"]').waitFor();
    await workbench.screenshot('thousand-full');
    await workbench.press('0');
    await workbench.timeline.page.locator('#timeline[data-density="line"]').waitFor();
  });

  it('takes a new snapshot in without sending, or building, the others anew', async () => {
    await workbench.press('End');
    await workbench.timeline.row(number - 5).evaluate((row) => (row.dataset.mark = 'kept'));
    const [last] = adapter.list.snapshots.slice(-1);
    adapter.list.snapshots.push({ ...last, id: number + 1, parent: number, label: 'one more' });
    adapter.list.current = number + 1;
    adapter.changed();
    await workbench.timeline.currentRow(number + 1).waitFor();
    await workbench.timeline.selectedRow(number + 1).waitFor();
    expect(await workbench.timeline.row(number - 5).getAttribute('data-mark')).to.equal('kept');
    await workbench.timeline.page.locator('#live', { hasText: `Current snapshot ${number + 1}, one more` }).waitFor({ state: 'attached' });
  });

  it('sends what mouse and keys ask for', async () => {
    await workbench.timeline.row(number).dblclick();
    await workbench.timeline.currentRow(number).waitFor();
    await workbench.timeline.select(number - 1);
    await workbench.press('p');
    await workbench.timeline.row(number - 1).locator('.badge.pin').waitFor();
    await workbench.press('Delete');
    await workbench.timeline.row(number - 1).waitFor({ state: 'detached' });
    await workbench.timeline.hasKeyboard(number);
    const asked = adapter.requests.filter(({ command }) => /^rollpoint\/(restore|update|delete)/.test(command));
    expect(asked).to.deep.equal([
      { command: 'rollpoint/restoreSnapshot', args: { id: number } },
      { command: 'rollpoint/updateSnapshot', args: { id: number - 1, pinned: true } },
      { command: 'rollpoint/deleteSnapshot', args: { id: number - 1 } },
    ]);
  });

  it('asks before a restore that does not bring everything back, until told not to', async () => {
    const restores = () => adapter.requests.filter(({ command }) => command === 'rollpoint/restoreSnapshot').length;
    const before = restores();
    const question = workbench.notification('does not bring everything back. Connections that lead out of the program');
    await workbench.quickInput.command('Rollpoint: Restore snapshot');
    await workbench.page.locator('.quick-input-widget input').fill('#545');
    await workbench.quickInput.row('#545').first().click();
    await question.waitFor();
    await workbench.screenshot('restore-question');
    expect(restores()).to.equal(before);
    await question.getByText('Restore anyway').click();
    await workbench.timeline.currentRow(545).waitFor();
    expect(restores()).to.equal(before + 1);
    await workbench.editor.stopsAt(adapter.lineOf(545));
  });

  it('plots a history of a thousand values', async () => {
    await workbench.quickInput.command('Rollpoint: Show history');
    await workbench.quickInput.type('level');
    await workbench.timeline.page.getByText('History of level:').waitFor();
    await workbench.screenshot('thousand-history');
  });

  for (const [kind, theme] of Object.entries(themes)) {
    it(`can be read and used in the theme ${theme}`, async () => {
      await setTheme(workbench, kind);
      if (!(await workbench.timeline.row(905).count())) await scrollTo(0.905);
      await workbench.timeline.select(905);
      // With all that it can show: a look at the past, and the history of a value.
      await workbench.timeline.page.locator('#mark', { hasText: 'Viewing snapshot 905' }).waitFor();
      await workbench.timeline.page.locator('#history', { hasText: 'History of level' }).waitFor();
      await workbench.screenshot(kind.replace('vscode', 'theme'));
      expect(await seriousFaults(workbench)).to.deep.equal([]);
    });
  }
});
