// Questions about the past, on the sample's ledger, a million writes: what a value was at every snapshot, and where it
// changed, by keys alone; and what the views of memory and of instructions show of it.
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { openWorkbench } from './workbench.mjs';

const file = 'ledger.cpp';
/** The ends of these days are stopped at; in the third of them the reserve changes. */
const days = [11, 12, 13, 14, 15];
const mark = 'break here: once a day';
const expression = 'ledger.reserve';

describe('the past of a ledger', function () {
  this.bail(true);
  let workbench;
  before(async () => {
    workbench = await openWorkbench({ userSettings: { 'debug.internalConsoleOptions': 'neverOpen' } });
    const { folder } = workbench;
    // The first ten days only take time.
    const source = path.join(folder, file);
    const text = readFileSync(source, 'utf8');
    writeFileSync(source, text.replace('    end_of_day(day);', `    if (day >= ${days[0]}) end_of_day(day);`));
    expect(readFileSync(source, 'utf8')).to.not.equal(text);
    mkdirSync(path.join(folder, 'build'), { recursive: true });
    expect(spawnSync('g++', ['-g', '-O0', file, '-o', 'build/ledger'], { cwd: folder, stdio: 'inherit' }).status).to.equal(0);
    const configuration = { type: 'rollpoint', request: 'launch', name: 'The ledger', program: '${workspaceFolder}/build/ledger' };
    writeFileSync(path.join(folder, '.vscode/launch.json'), JSON.stringify({ version: '0.2.0', configurations: [configuration] }));
  });
  after(() => workbench?.close());
  afterEach(async function () {
    if (this.currentTest.state === 'failed') await workbench?.tellFailure('past');
  });

  const changedRows = () => workbench.timeline.locator('.row.changed').evaluateAll((rows) => rows.map((row) => Number(row.dataset.id)));
  const showsDay = (id) => workbench.waitForVariable('day', String(days[id - 1]));

  it('stops at the end of each day', async () => {
    const line = workbench.lineOf(mark, file);
    await workbench.openFile(file);
    await workbench.goToLine(line);
    await workbench.toggleBreakpoint(mark);
    await workbench.showDebugView();
    for (const pane of ['Breakpoints', 'Call Stack']) await workbench.expandPane(pane, false);
    await workbench.addWatch(`&${expression}`);
    for (const id of days.keys()) {
      await workbench.press('F5');
      await workbench.currentRow(id + 1).waitFor();
      await showsDay(id + 1);
      await workbench.stoppedLine.waitFor();
    }
    await workbench.makeRoom({ top: 420, right: 600 });
  });

  it('shows the history of a variable by its menu, marks where it changed, and a click goes there', async () => {
    await workbench.variable('day').click({ button: 'right' });
    await workbench.chooseFromMenu('Show history…');
    await workbench.timeline.getByText('History of day: 4 changes').waitFor();
    expect(await changedRows()).to.deep.equal([2, 3, 4, 5]);
    for (const [index, day] of days.entries()) expect(await workbench.description(index + 1)).to.include(`#${index + 1} · ${day} · `);
    await workbench.screenshot('history-of-days');
    await workbench.row(3).click();
    await workbench.timeline.getByText('Viewing snapshot 3').waitFor();
    await showsDay(3);
    await workbench.hasKeyboard(3);
    await workbench.timeline.getByText('Return to present').click();
    await showsDay(5);
    await workbench.hasKeyboard();
  });

  it('shows that of an expression, goes there and comes back, by keys alone', async () => {
    await workbench.commandByKeys('Rollpoint: Show history');
    await workbench.typeIntoInput(expression);
    await workbench.timeline.getByText(`History of ${expression}: 1 change`).waitFor();
    expect(await changedRows()).to.deep.equal([3]);
    expect(await workbench.description(2)).to.include(' · 5000 · ');
    expect(await workbench.row(3).getAttribute('aria-label')).to.include('value 5450, changed');
    await workbench.screenshot('history');
    await workbench.hasKeyboard();
    await workbench.press('Home', 'ArrowDown', 'ArrowDown', 'Space');
    await workbench.timeline.getByText('Viewing snapshot 3').waitFor();
    await showsDay(3);
    await workbench.hasKeyboard(3);
    // From the rows to the line that tells of the history, and to the one that tells of the past.
    await workbench.press('Tab', 'Tab', 'Enter');
    await showsDay(5);
    await workbench.timeline.locator('#mark').waitFor({ state: 'hidden' });
    await workbench.hasKeyboard();
    await workbench.press('Tab', 'Enter');
    await workbench.timeline.locator('#history').waitFor({ state: 'hidden' });
    expect(await workbench.description(2)).to.not.include('5000');
    await workbench.hasKeyboard();
  });

  it('compares by keys alone, in the timeline and by the palette', async () => {
    await workbench.press('Home', 'c');
    await workbench.tab('Snapshot 1 ↔ Present').waitFor();
    await workbench.diffLine('original', 'reserve = 5000').first().waitFor();
    await workbench.diffLine('modified', 'reserve = 5450').first().waitFor();
    await workbench.commandByKeys('Rollpoint: Compare snapshots');
    await workbench.inputTitled('Compare: first snapshot').waitFor();
    await workbench.pickByKeys('#2 ');
    await workbench.inputTitled('Compare: with which one').waitFor();
    await workbench.pickByKeys('#3 ');
    await workbench.tab('Snapshot 2 ↔ Snapshot 3').waitFor();
    await workbench.diffLine('modified', 'reserve = 5450').first().waitFor();
    await workbench.screenshot('compare-by-keys');
  });

  it('finds the line where it changed, and stops there, by keys alone', async () => {
    await workbench.commandByKeys('Rollpoint: Find where it changed');
    await workbench.inputTitled('Find where it changed').waitFor();
    await workbench.page.locator('.quick-input-widget input').fill(expression);
    await workbench.press('Enter');
    await workbench.inputTitled(`Snapshot at which ${expression} was still good`).waitFor();
    await workbench.pickByKeys('#1 ');
    await workbench.notification(`${expression} changed between snapshots 2 and 3`).waitFor();
    await workbench.screenshot('found');
    const booked = workbench.lineOf('@booked', file);
    await workbench.stopsAt(booked, booked + 1);
    await workbench.waitForVariable('account', '1000');
  });

  it('shows the bytes of a moment while that is on screen, and those of the present again', async () => {
    await workbench.viewMemory(workbench.watch(`&${expression}`));
    await workbench.showsBytes('4a 15 00 00');
    for (const [id, how] of [[1, 'mouse'], [2, 'keys']]) {
      await workbench.whileViewing(id, how, async () => {
        await workbench.showsBytes('88 13 00 00');
        await showsDay(id);
        await workbench.screenshot(`memory-by-${how}`);
      });
      await workbench.showsBytes('4a 15 00 00');
    }
  });

  it('shows the instructions of a moment while that is on screen, and those of the present again', async () => {
    const booked = workbench.lineOf('@booked', file);
    await workbench.commandByKeys('Open Disassembly View');
    await workbench.disassembles(booked, booked + 1);
    for (const [id, how] of [[1, 'mouse'], [2, 'keys']]) {
      await workbench.whileViewing(id, how, async () => {
        await workbench.disassembles(workbench.lineOf(mark, file));
        await showsDay(id);
        await workbench.screenshot(`instructions-by-${how}`);
      });
      await workbench.disassembles(booked, booked + 1);
    }
  });
});
