// Questions about the past, on the sample's ledger: what a value was at every snapshot, and where it changed.
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { openWorkbench } from './workbench.mjs';

const days = 15;
const mark = 'break here: once a day';
const expression = 'ledger.reserve';

describe('the past of a ledger', function () {
  this.bail(true);
  let workbench;
  before(async () => {
    workbench = await openWorkbench({ userSettings: { 'debug.internalConsoleOptions': 'neverOpen' } });
    const { folder } = workbench;
    mkdirSync(path.join(folder, 'build'), { recursive: true });
    expect(spawnSync('g++', ['-g', '-O0', 'ledger.cpp', '-o', 'build/ledger'], { cwd: folder, stdio: 'inherit' }).status).to.equal(0);
    const configuration = { type: 'rollpoint', request: 'launch', name: 'The ledger', program: '${workspaceFolder}/build/ledger' };
    writeFileSync(path.join(folder, '.vscode/launch.json'), JSON.stringify({ version: '0.2.0', configurations: [configuration] }));
  });
  after(() => workbench?.close());
  afterEach(async function () {
    if (this.currentTest.state === 'failed') await workbench?.tellFailure('past');
  });

  it('stops at the end of each day', async () => {
    const line = workbench.lineOf(mark, 'ledger.cpp');
    await workbench.openFile('ledger.cpp');
    await workbench.goToLine(line);
    await workbench.toggleBreakpoint(mark);
    await workbench.showDebugView();
    for (const pane of ['Watch', 'Breakpoints', 'Call Stack']) await workbench.expandPane(pane, false);
    for (let day = 1; day <= days; day++) {
      await workbench.press('F5');
      await workbench.currentRow(day).waitFor();
      await workbench.waitForVariable('day', String(day));
      await workbench.stoppedLine.waitFor();
    }
    await workbench.makeRoom({ top: 330, right: 600 });
  });

  it('shows the history of a variable by its menu', async () => {
    await workbench.variable('day').click({ button: 'right' });
    await workbench.chooseFromMenu('Show history…');
    await workbench.timeline.getByText(`History of day: ${days - 1} changes`).waitFor();
    for (const day of [1, 7, days]) expect(await workbench.description(day)).to.include(`#${day} · ${day} · `);
    await workbench.screenshot('history-of-days');
  });

  it('shows that of an expression by the palette, marks where it changed, and a click goes there', async () => {
    await workbench.command('Rollpoint: Show history');
    await workbench.typeIntoInput(expression);
    await workbench.timeline.getByText(`History of ${expression}: 1 change`).waitFor();
    expect(await workbench.timeline.locator('.row.changed').evaluateAll((rows) => rows.map((row) => Number(row.dataset.id)))).to.deep.equal([13]);
    expect(await workbench.description(12)).to.include(' · 5000 · ');
    expect(await workbench.row(13).getAttribute('aria-label')).to.include('value 5450, changed');
    await workbench.screenshot('history');
    await workbench.row(13).click();
    await workbench.timeline.getByText('Viewing snapshot 13').waitFor();
    await workbench.waitForVariable('day', '13');
    await workbench.timeline.getByText('Return to present').click();
    await workbench.waitForVariable('day', String(days));
    await workbench.hasKeyboard();
    await workbench.timeline.locator('#history').getByText('Close').click();
    await workbench.timeline.locator('#history').waitFor({ state: 'hidden' });
    expect(await workbench.description(12)).to.not.include('5000');
  });

  it('finds the line where it changed, and stops there', async () => {
    await workbench.command('Rollpoint: Find where it changed');
    await workbench.page.locator('.quick-input-title', { hasText: 'Find where it changed' }).waitFor();
    await workbench.page.locator('.quick-input-widget input').fill(expression);
    await workbench.press('Enter');
    await workbench.page.locator('.quick-input-title', { hasText: `Snapshot at which ${expression} was still good` }).waitFor();
    await workbench.page.locator('.quick-input-widget input').fill('#1');
    await workbench.paletteRow(/#1 ·/).click();
    await workbench.notification(`${expression} changed between snapshots 12 and 13`).waitFor();
    await workbench.screenshot('found');
    const booked = workbench.lineOf('@booked', 'ledger.cpp');
    await workbench.stopsAt(booked, booked + 1);
    await workbench.waitForVariable('account', '1000');
  });
});
