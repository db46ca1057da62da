// The timeline of a Rust program with threads, by mouse and by keyboard: looks, restores, the history of a watch, a
// comparison, and a search for a change, once cancelled and once to its end, in each kind of theme; what if; when
// snapshots are taken and thinned out; the question before a restore that does not bring everything back.
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import * as path from 'node:path';
import { checkout } from '../host/location.mjs';
import { seriousFaults, setTheme, themes } from './accessibility.mjs';
import { openWorkbench } from './workbench.mjs';

const file = 'ferry.rs';
const mark = '@port';
const boarding = [5, 15, 25, 35];
const expression = 'ferry.late';

describe('a Rust program', function () {
  this.bail(true);
  let workbench;
  let gate;
  const connections = [];
  const server = createServer((socket) => connections.push(socket.on('error', () => undefined).resume()));
  before(async () => {
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    workbench = await openWorkbench({
      userSettings: {
        'debug.internalConsoleOptions': 'neverOpen',
        'diffEditor.renderSideBySide': true,
        'diffEditor.useInlineViewWhenSpaceIsLimited': false,
      },
    });
    const { folder } = workbench;
    cpSync(path.join(checkout, 'test/debuggees', file), path.join(folder, file));
    mkdirSync(path.join(folder, 'build'), { recursive: true });
    const inHome = path.join(homedir(), '.cargo/bin/rustc');
    const rustc = existsSync(inHome) ? inHome : 'rustc';
    expect(spawnSync(rustc, ['-g', '-C', 'opt-level=0', file, '-o', 'build/ferry'], { cwd: folder, stdio: 'inherit' }).status).to.equal(0);
    gate = path.join(folder, 'build/gate');
    writeFileSync(gate, '');
    const ferry = { type: 'rollpoint', request: 'launch', program: '${workspaceFolder}/build/ferry' };
    const configurations = [
      { ...ferry, name: 'A ferry', args: [gate] },
      { ...ferry, name: 'With a radio', args: [gate, String(server.address().port)], snapshots: { auto: 'everyStop', memoryLimit: '400KiB' } },
    ];
    writeFileSync(path.join(folder, '.vscode/launch.json'), JSON.stringify({ version: '0.2.0', configurations }));
  });
  after(async () => {
    await workbench?.close();
    for (const socket of connections) socket.destroy();
    server.close();
  });
  afterEach(async function () {
    if (this.currentTest.state === 'failed') await workbench?.tellFailure('rust');
  });

  /** On screen are the values of that call. */
  const shows = (call) => workbench.debug.waitForVariable('boarding', String(boarding[call - 1]));
  const linesOfRing = () => {
    const first = workbench.lineOf('fn ring(', file);
    return Array.from({ length: workbench.lineOf('fn call_at(', file) - first }, (_, index) => first + index);
  };
  const searchFor = async (watch) => {
    await workbench.debug.watch(watch).click({ button: 'right' });
    await workbench.menu.choose('Find where it changed…');
    await workbench.quickInput.titled(`Snapshot at which ${watch} was still good`).waitFor();
    await workbench.page.keyboard.insertText('#1 ');
    await workbench.quickInput.row(/#2 ·/).waitFor({ state: 'hidden' });
    await workbench.press('Enter');
  };

  it('stops at each port', async () => {
    await workbench.editor.openFile(file);
    await workbench.editor.goToLine(workbench.lineOf(mark, file));
    await workbench.editor.toggleBreakpoint(mark);
    await workbench.debug.show();
    for (const pane of ['Breakpoints', 'Call Stack']) await workbench.debug.expandPane(pane, false);
    await workbench.debug.addWatch(expression);
    for (let call = 1; call <= boarding.length; call++) {
      await workbench.press('F5');
      await workbench.timeline.currentRow(call).waitFor();
      await shows(call);
      await workbench.editor.stoppedLine.waitFor();
    }
    await workbench.makeRoom({ top: 420, right: 560 });
    await workbench.debug.watch(expression).locator('.value', { hasText: 'true' }).waitFor();
  });

  it('shows the past by a click and by keys, and comes back', async () => {
    await workbench.timeline.select(1);
    await shows(1);
    await workbench.timeline.page.getByText('Viewing snapshot 1').waitFor();
    await workbench.debug.watch(expression).locator('.value', { hasText: 'false' }).waitFor();
    await workbench.screenshot('rust-peek');
    await workbench.press('ArrowDown', 'Space');
    await shows(2);
    await workbench.timeline.hasKeyboard(2);
    await workbench.timeline.page.getByText('Return to present').click();
    await shows(4);
    await workbench.timeline.hasKeyboard();
  });

  it('shows the history of a watch by its menu', async () => {
    await workbench.debug.watch(expression).click({ button: 'right' });
    await workbench.menu.choose('Show history…');
    await workbench.timeline.page.getByText(`History of ${expression}: 1 change`).waitFor();
    expect(await workbench.timeline.page.locator('.row.changed').evaluateAll((rows) => rows.map((row) => Number(row.dataset.id)))).to.deep.equal([4]);
    for (const call of [1, 4]) expect(await workbench.timeline.description(call)).to.include(`#${call} · ${call === 4} · `);
    await workbench.screenshot('rust-history');
  });

  it('compares two moments by keys', async () => {
    await workbench.timeline.select(1);
    await workbench.press('s', 'ArrowDown', 'd');
    await workbench.editor.tab('Snapshot 1 ↔ Snapshot 2').waitFor();
    await workbench.editor.diffLine('original', 'boarding: i64 = 5').first().waitFor();
    await workbench.editor.diffLine('modified', 'boarding: i64 = 15').first().waitFor();
  });

  it('can be read and used in every theme, with a past on screen, a history and a comparison', async () => {
    await workbench.timeline.page.getByText('Viewing snapshot 1').waitFor();
    await workbench.timeline.page.getByText(`History of ${expression}`).waitFor();
    // Where it rests, a card opens over the rows.
    await workbench.debug.toolbar.hover();
    await workbench.timeline.page.locator('#card').waitFor({ state: 'hidden' });
    for (const kind of Object.keys(themes)) {
      await setTheme(workbench, kind);
      await workbench.screenshot(`rust-compare${kind.replace('vscode', '')}`);
      expect(await seriousFaults(workbench), kind).to.deep.equal([]);
    }
    await workbench.timeline.page.getByText('Return to present').click();
    await shows(4);
    await workbench.timeline.hasKeyboard();
    await workbench.timeline.page.locator('#history').getByText('Close').click();
    await workbench.timeline.page.locator('#history').waitFor({ state: 'hidden' });
    await setTheme(workbench, 'vscode-dark');
  });

  it('shows a search in every theme, and ends it where it was when it is cancelled', async () => {
    // Until the file is there again the program waits on its way to the last port.
    rmSync(gate);
    await searchFor(expression);
    const progress = workbench.notification(`Finding where ${expression} changed`);
    await progress.getByText('Between snapshots 3 and 4').waitFor();
    expect(await seriousFaults(workbench)).to.deep.equal([]);
    for (const kind of Object.keys(themes)) {
      await setTheme(workbench, kind);
      await workbench.screenshot(`rust-search${kind.replace('vscode', '')}`);
    }
    await progress.getByText('Cancel', { exact: true }).click();
    await progress.waitFor({ state: 'hidden' });
    await shows(4);
    await workbench.timeline.currentRow(4).waitFor();
    expect(await workbench.timeline.drawing()).to.deep.equal(['1', '2', '3', '4 current']);
    writeFileSync(gate, '');
  });

  it('finds the line that made the change', async () => {
    await searchFor(expression);
    const line = workbench.lineOf('@late', file);
    await workbench.notification(`${expression} changed between snapshots 3 and 4, at ${file}:${line} in ferry::main.`).waitFor();
    await workbench.debug.waitForVariable('number', '3');
    await workbench.screenshot('rust-found');
  });

  it('goes back by a double click and by keys, and on from there', async () => {
    await workbench.timeline.row(1).dblclick();
    await workbench.timeline.currentRow(1).waitFor();
    await shows(1);
    await workbench.timeline.select(2);
    await workbench.press('Enter');
    await workbench.timeline.currentRow(2).waitFor();
    await shows(2);
    await workbench.editor.stoppedLine.waitFor();
    await workbench.press('F5');
    await workbench.debug.waitForVariable('boarding', '25');
    await workbench.screenshot('rust-branch');
  });

  it('asks what if by keys, and shows the outcomes side by side', async () => {
    await workbench.timeline.select(2);
    await workbench.press('b');
    await workbench.quickInput.titled('Branch from snapshot 2 with').waitFor();
    await workbench.page.keyboard.insertText('ferry.aboard = 1000');
    await workbench.press('Enter');
    await workbench.quickInput.titled('Branch from snapshot 2 with ferry.aboard = 1000').waitFor();
    await workbench.quickInput.pickByKeys('next breakpoint');
    const told = workbench.notification('With ferry.aboard = 1000 at snapshot 2, the program stands at ferry::call_at');
    await told.waitFor();
    await shows(3);
    await told.getByText('Compare', { exact: true }).click();
    await workbench.editor.diffLine('original', 'aboard: 45').first().waitFor();
    await workbench.editor.diffLine('modified', 'aboard: 1025').first().waitFor();
    await workbench.screenshot('rust-branch-compared');
  });

  for (const how of ['mouse', 'keys']) {
    it(`shows the frames of a moment, and those of a thread that has ended since, by ${how}`, async () => {
      await workbench.debug.expandPane('Watch', false);
      await workbench.debug.expandPane('Call Stack', true);
      const present = await workbench.debug.threadsShown(2);
      await workbench.timeline.whileViewing(1, how, async () => {
        await workbench.debug.callStackRows.filter({ hasText: 'Viewing snapshot 1' }).waitFor();
        const [first, second] = await workbench.debug.threadsShown(2);
        expect(first).to.equal(present[0]);
        expect(second).to.not.equal(present[1]);
        await workbench.debug.selectFrame(second, 'ferry::ring', how);
        await workbench.debug.waitForVariable('strokes', '2');
        await workbench.editor.showsFrameAt(...linesOfRing());
        await workbench.screenshot(`rust-frames-by-${how}`);
      });
      await shows(3);
      await workbench.debug.callStackRows.filter({ hasText: 'Back in the present' }).waitFor();
      expect(await workbench.debug.threadsShown(2)).to.deep.equal(present);
    });
  }

  it('shows the bytes of a moment, and those of the present again', async () => {
    await workbench.debug.expandPane('Call Stack', false);
    await workbench.debug.addWatch('&ferry.aboard');
    await workbench.debug.viewMemory(workbench.debug.watch('&ferry.aboard'));
    await workbench.editor.showsBytes('01 04 00 00');
    for (const [id, how, bytes] of [[1, 'mouse', '05 00 00 00'], [2, 'keys', '14 00 00 00']]) {
      await workbench.timeline.whileViewing(id, how, async () => {
        await workbench.editor.showsBytes(bytes);
        await shows(id);
        await workbench.screenshot(`rust-memory-by-${how}`);
      });
      await workbench.editor.showsBytes('01 04 00 00');
    }
  });

  it('shows the instructions of a moment, and those of the present again', async () => {
    const line = workbench.lineOf(mark, file);
    await workbench.debug.button('Step Over').click();
    await workbench.editor.stopsAt(line + 1);
    await workbench.quickInput.commandByKeys('Open Disassembly View');
    await workbench.editor.disassembles(line + 1);
    for (const how of ['mouse', 'keys']) {
      await workbench.timeline.whileViewing(1, how, async () => {
        await workbench.editor.disassembles(line);
        await shows(1);
        await workbench.screenshot(`rust-instructions-by-${how}`);
      });
      await workbench.editor.disassembles(line + 1);
    }
    // As long as it is open it shows every stop.
    await workbench.quickInput.commandByKeys('View: Close All Editors');
    await workbench.page.locator('.disassembly-view').waitFor({ state: 'detached' });
    await workbench.press('Shift+F5');
    await workbench.debug.toolbar.waitFor({ state: 'hidden' });
  });

  const question = (id) => workbench.notification(`Restoring snapshot ${id} does not bring everything back.`);
  const stepBackTo = async (id, answer) => {
    await workbench.editor.stoppedLine.waitFor();
    await workbench.debug.button('Step Back').click();
    if (answer) await question(id).getByText(answer).click();
    await workbench.timeline.currentRow(id).waitFor();
    await shows(1);
  };
  const goOnTo = async (id, call) => {
    await workbench.editor.stoppedLine.waitFor();
    await workbench.press('F5');
    await workbench.timeline.currentRow(id).waitFor();
    await shows(call);
  };

  it('takes snapshots at every stop where it is told to', async () => {
    await workbench.quickInput.commandByKeys('Debug: Select and Start Debugging');
    await workbench.quickInput.pickByKeys('With a radio');
    await workbench.timeline.currentRow(1).waitFor();
    await shows(1);
    await workbench.editor.stoppedLine.waitFor();
    await workbench.press('F10');
    await workbench.timeline.currentRow(2).waitFor();
    expect(await workbench.timeline.description(2)).to.include(' · step · ');
    // What is pinned stays, whatever is evicted.
    await workbench.timeline.pressButton(2, 'Pin');
    await workbench.timeline.row(2).locator('.badge.pin').waitFor();
    await shows(1);
    await goOnTo(3, 2);
  });

  it('asks before a restore that does not bring everything back, until told not to in this session', async () => {
    await workbench.editor.stoppedLine.waitFor();
    await workbench.debug.button('Step Back').click();
    await question(2).waitFor();
    expect(await question(2).innerText()).to.match(/Since the snapshot 12 bytes went to 127\.0\.0\.1/);
    await workbench.screenshot('rust-consent');
    await question(2).getByText('Restore anyway').click();
    await workbench.timeline.currentRow(2).waitFor();
    await shows(1);
    await goOnTo(4, 2);
    await stepBackTo(2, "Restore, don't ask again in this session");
    await goOnTo(5, 2);
    await stepBackTo(2);
    expect(await question(2).count()).to.equal(0);
  });

  it('thins out what does not fit the memory limit, and says so in the status bar', async () => {
    const evicted = workbench.page.locator('.statusbar-item', { hasText: /\d+ · \d+ KiB · [\d.]+ [µm]s · \d+ evicted/ });
    for (let id = 6; id < 40 && (await evicted.count()) === 0; id++) {
      await goOnTo(id, 2);
      await stepBackTo(2);
    }
    await evicted.waitFor();
    await evicted.hover();
    await workbench.page.locator('.workbench-hover-container', { hasText: /evicted/ }).waitFor();
    await workbench.screenshot('rust-evicted');
  });
});
