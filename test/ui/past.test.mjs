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

  const changedRows = () => workbench.timeline.page.locator('.row.changed').evaluateAll((rows) => rows.map((row) => Number(row.dataset.id)));
  const showsDay = (id) => workbench.debug.waitForVariable('day', String(days[id - 1]));

  it('stops at the end of each day', async () => {
    const line = workbench.lineOf(mark, file);
    await workbench.editor.openFile(file);
    await workbench.editor.goToLine(line);
    await workbench.editor.toggleBreakpoint(mark);
    await workbench.debug.show();
    for (const pane of ['Breakpoints', 'Call Stack']) await workbench.debug.expandPane(pane, false);
    await workbench.debug.addWatch(`&${expression}`);
    for (const id of days.keys()) {
      await workbench.press('F5');
      await workbench.timeline.currentRow(id + 1).waitFor();
      await showsDay(id + 1);
      await workbench.editor.stoppedLine.waitFor();
    }
    await workbench.makeRoom({ top: 420, right: 600 });
  });

  it('shows the history of a variable by its menu, marks where it changed, and a click goes there', async () => {
    await workbench.debug.variable('day').click({ button: 'right' });
    await workbench.menu.choose('Show history…');
    await workbench.timeline.page.getByText('History of day: 4 changes').waitFor();
    expect(await changedRows()).to.deep.equal([2, 3, 4, 5]);
    for (const [index, day] of days.entries()) expect(await workbench.timeline.description(index + 1)).to.include(`#${index + 1} · ${day} · `);
    await workbench.screenshot('history-of-days');
    await workbench.timeline.row(3).click();
    await workbench.timeline.page.getByText('Viewing snapshot 3').waitFor();
    await showsDay(3);
    await workbench.timeline.hasKeyboard(3);
    await workbench.timeline.page.getByText('Return to present').click();
    await showsDay(5);
    await workbench.timeline.hasKeyboard();
  });

  it('shows that of an expression, goes there and comes back, by keys alone', async () => {
    await workbench.quickInput.commandByKeys('Rollpoint: Show history');
    await workbench.quickInput.type(expression);
    await workbench.timeline.page.getByText(`History of ${expression}: 1 change`).waitFor();
    expect(await changedRows()).to.deep.equal([3]);
    expect(await workbench.timeline.description(2)).to.include(' · 5000 · ');
    expect(await workbench.timeline.row(3).getAttribute('aria-label')).to.include('value 5450, changed');
    await workbench.screenshot('history');
    await workbench.timeline.hasKeyboard();
    await workbench.press('Home', 'ArrowDown', 'ArrowDown', 'Space');
    await workbench.timeline.page.getByText('Viewing snapshot 3').waitFor();
    await showsDay(3);
    await workbench.timeline.hasKeyboard(3);
    // From the rows to the line that tells of the history, and to the one that tells of the past.
    await workbench.press('Tab', 'Tab', 'Enter');
    await showsDay(5);
    await workbench.timeline.page.locator('#mark').waitFor({ state: 'hidden' });
    await workbench.timeline.hasKeyboard();
    await workbench.press('Tab', 'Enter');
    await workbench.timeline.page.locator('#history').waitFor({ state: 'hidden' });
    expect(await workbench.timeline.description(2)).to.not.include('5000');
    await workbench.timeline.hasKeyboard();
  });

  it('compares by keys alone, in the timeline and by the palette', async () => {
    await workbench.press('Home', 'c');
    await workbench.editor.tab('Snapshot 1 ↔ Present').waitFor();
    await workbench.editor.diffLine('original', 'reserve = 5000').first().waitFor();
    await workbench.editor.diffLine('modified', 'reserve = 5450').first().waitFor();
    await workbench.quickInput.commandByKeys('Rollpoint: Compare snapshots');
    await workbench.quickInput.titled('Compare: first snapshot').waitFor();
    await workbench.quickInput.pickByKeys('#2 ');
    await workbench.quickInput.titled('Compare: with which one').waitFor();
    await workbench.quickInput.pickByKeys('#3 ');
    await workbench.editor.tab('Snapshot 2 ↔ Snapshot 3').waitFor();
    await workbench.editor.diffLine('modified', 'reserve = 5450').first().waitFor();
    await workbench.screenshot('compare-by-keys');
  });

  it('finds the line where it changed, and stops there, by keys alone', async () => {
    await workbench.quickInput.commandByKeys('Rollpoint: Find where it changed');
    await workbench.quickInput.titled('Find where it changed').waitFor();
    await workbench.page.locator('.quick-input-widget input').fill(expression);
    await workbench.press('Enter');
    await workbench.quickInput.titled(`Snapshot at which ${expression} was still good`).waitFor();
    await workbench.quickInput.pickByKeys('#1 ');
    await workbench.notification(`${expression} changed between snapshots 2 and 3`).waitFor();
    await workbench.screenshot('found');
    const booked = workbench.lineOf('@booked', file);
    await workbench.editor.stopsAt(booked, booked + 1);
    await workbench.debug.waitForVariable('account', '1000');
  });

  it('shows the bytes of a moment while that is on screen, and those of the present again', async () => {
    await workbench.debug.viewMemory(workbench.debug.watch(`&${expression}`));
    await workbench.editor.showsBytes('4a 15 00 00');
    for (const [id, how] of [[1, 'mouse'], [2, 'keys']]) {
      await workbench.timeline.whileViewing(id, how, async () => {
        await workbench.editor.showsBytes('88 13 00 00');
        await showsDay(id);
        await workbench.screenshot(`memory-by-${how}`);
      });
      await workbench.editor.showsBytes('4a 15 00 00');
    }
  });

  it('shows the instructions of a moment while that is on screen, and those of the present again', async () => {
    const booked = workbench.lineOf('@booked', file);
    await workbench.quickInput.commandByKeys('Open Disassembly View');
    await workbench.editor.disassembles(booked, booked + 1);
    for (const [id, how] of [[1, 'mouse'], [2, 'keys']]) {
      await workbench.timeline.whileViewing(id, how, async () => {
        await workbench.editor.disassembles(workbench.lineOf(mark, file));
        await showsDay(id);
        await workbench.screenshot(`instructions-by-${how}`);
      });
      await workbench.editor.disassembles(booked, booked + 1);
    }
  });
});
