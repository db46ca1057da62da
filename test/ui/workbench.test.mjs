// What the window shows of Rollpoint before anything is debugged, and how it refuses what cannot work.
import { expect } from 'chai';
import { readFileSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import { checkout } from '../host/location.mjs';
import { openWorkbench } from './workbench.mjs';

/** Straight into restricted mode. */
const userSettings = { 'security.workspace.trust.startupPrompt': 'never', 'security.workspace.trust.banner': 'never' };

/** A file of the checkout, as JSON. */
const read = (file) => JSON.parse(readFileSync(path.join(checkout, file), 'utf8'));

describe('the window, before a session', () => {
  let workbench;
  // A walkthrough has room for pictures in a wide window only.
  before(async () => (workbench = await openWorkbench({ size: { width: 1600, height: 900 } })));
  after(() => workbench?.close());
  afterEach(async function () {
    if (this.currentTest.state === 'failed') await workbench?.tellFailure('window');
  });

  it('shows the view Snapshots, which says what it is for', async () => {
    await workbench.editor.openFile('warehouse.cpp');
    await workbench.debug.show();
    await workbench.debug.expandPane('Snapshots', true);
    await workbench.timeline.page.getByText('Restore one to go on from that moment').waitFor();
    await workbench.timeline.page.getByText('Start debugging').waitFor();
    await workbench.screenshot('welcome');
  });

  it('offers no command that makes no sense yet', async () => {
    await workbench.quickInput.openPalette('Rollpoint');
    await workbench.page.locator('.quick-input-list .monaco-list-row').first().waitFor();
    expect(await workbench.quickInput.row('Rollpoint: Take snapshot').count()).to.equal(0);
    expect(await workbench.quickInput.row('Rollpoint: Restore snapshot').count()).to.equal(0);
    await workbench.press('Escape');
  });

  it('has first steps, by keys: each with its text, its buttons and its picture or page', async () => {
    const texts = read('package.nls.json');
    const text = (key) => texts[key.slice(1, -1)];
    const [{ title, steps }] = read('package.json').contributes.walkthroughs;
    await workbench.quickInput.commandByKeys('Welcome: Open Walkthrough');
    await workbench.quickInput.pickByKeys(text(title));
    for (const [index, step] of steps.entries()) {
      if (index > 0) await workbench.press('ArrowDown');
      const shown = workbench.step(text(step.title));
      await shown.waitFor();
      const [, ...buttons] = text(step.description).split(/\[([^\]]+)\]\(command:[^)]+\)/);
      expect(await shown.locator('.monaco-button').allInnerTexts()).to.deep.equal(buttons.filter((_, at) => at % 2 === 0));
      for (const line of text(step.description).split('\n')) {
        if (!line.startsWith('[')) await shown.locator('p', { hasText: line }).waitFor();
      }
      if (step.media.image) {
        const picture = workbench.stepMedia.locator(`img[alt="${text(step.media.altText)}"]`);
        await picture.waitFor();
        await workbench.page.waitForFunction((image) => image.naturalWidth > 0, await picture.elementHandle());
      } else {
        const [head] = readFileSync(path.join(checkout, step.media.markdown), 'utf8').split('\n');
        await workbench.stepPage.locator('h1', { hasText: head.replace('# ', '') }).waitFor();
      }
      await workbench.screenshot(`walkthrough-${index + 1}`);
    }
  });

  it('leads from there, by mouse and by keys, and says what there has to be first', async () => {
    const press = async (step, button) => {
      const closed = workbench.page.locator('.getting-started-step:not(.expanded)', { hasText: step });
      if (await closed.isVisible()) await closed.click();
      await workbench.step(step).locator('.monaco-button', { hasText: button }).click();
    };
    await press('Check for gdb', 'Check gdb');
    await workbench.notification(/gdb is there: .*gdb/).waitFor();
    await workbench.page.locator('.getting-started-step [role="checkbox"][aria-label="Check for gdb: Completed"]').waitFor();
    for (const [step, button] of [['Go back', 'Restore a snapshot'], ['Find where a value changed', 'Find where it changed']]) {
      await press(step, button);
      const needed = workbench.notification('No program is being debugged with Rollpoint. Start a session first.');
      await needed.waitFor();
      await workbench.closeNotification(needed);
      await needed.waitFor({ state: 'detached' });
    }
    await press('Say what to debug', 'Open the sample project');
    await workbench.quickInput.titled('Where is the folder rollpoint-sample to be?').waitFor();
    await workbench.page.locator('.quick-input-widget .monaco-button', { hasText: 'Copy the sample here' }).waitFor();
    await workbench.screenshot('sample-where');
    await workbench.press('Escape');
    await workbench.quickInput.titled('Where is the folder').waitFor({ state: 'hidden' });
    await press('See the snapshots', 'Show snapshots');
    await workbench.timeline.page.locator('#empty-button:focus').waitFor();
    await press('Say what to debug', 'Open launch.json');
    await workbench.editor.tab('launch.json').waitFor();
  });

  it('offers its snippets in launch.json', async () => {
    const { configurationSnippets } = read('package.json').contributes.debuggers[0];
    const texts = read('package.nls.json');
    const offered = workbench.page.locator('.suggest-widget .monaco-list-row');
    await workbench.editor.openFile('launch.json');
    await workbench.editor.goToLine(workbench.lineOf('"configurations"', '.vscode/launch.json'));
    await workbench.press('End', 'Enter');
    await workbench.page.keyboard.type('Rollpoint');
    for (const { label } of configurationSnippets) {
      await offered.filter({ hasText: new RegExp(`^${texts[label.slice(1, -1)]}$`) }).waitFor();
    }
    await workbench.screenshot('snippets');
    await workbench.moveTo('ArrowDown', offered.filter({ hasText: 'Rollpoint: Launch a Rust program' }));
    await workbench.press('Enter');
    await workbench.page.locator('.view-line', { hasText: '"${workspaceFolder}/target/debug/program"' }).waitFor();
    await workbench.page.keyboard.type('ferry');
    await workbench.page.locator('.view-line', { hasText: '"${workspaceFolder}/target/debug/ferry"' }).waitFor();
    await workbench.page.locator('.view-line', { hasText: '"name": "Debug ferry"' }).waitFor();
    await workbench.screenshot('snippet');
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
    await workbench.editor.openFile('warehouse.cpp');
    await workbench.editor.goToLine(workbench.lineOf('break here'));
    await workbench.editor.toggleBreakpoint('break here');
    await workbench.press('Control+Shift+D');
    await workbench.page.locator('.welcome-view-content', { hasText: 'Rollpoint keeps snapshots' }).getByText('First steps with Rollpoint').click();
    await workbench.step('Check for gdb').waitFor();
    await workbench.screenshot('debug-welcome');
    await workbench.page.locator('.tab', { hasText: 'warehouse.cpp' }).click();
    await workbench.editor.tab('warehouse.cpp').waitFor();
    await workbench.press('F5');
    const message = workbench.notification('No program was found for warehouse.cpp');
    await workbench.quickInput.chooseDebugger('Rollpoint', message);
    await workbench.screenshot('not-built');
    await message.getByText('Build and debug').click();
    await workbench.editor.stopsAt(workbench.lineOf('break here'));
    await workbench.press('Shift+F5');
    await workbench.debug.toolbar.waitFor({ state: 'hidden' });
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
    await workbench.editor.openFile('warehouse.cpp');
    await workbench.debug.show();
    await workbench.debug.expandPane('Snapshots', true);
    await workbench.timeline.page.getByText('Start debugging').waitFor();
    await workbench.press('F5');
    const question = workbench.page.locator('.monaco-dialog-box');
    await question.waitFor();
    expect(await question.innerText()).to.match(/trust/i);
    await workbench.screenshot('not-trusted');
    await workbench.press('Escape');
    expect(await workbench.debug.toolbar.isVisible()).to.equal(false);
  });
});
