// VS Code's window as a user sees it: what is on it, and what mouse and keyboard do to it.
// Must know nothing of the extension but its name and the view that it adds.
import { mkdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { copySample } from '../extension/workspace.mjs';
import { launchBrowser } from '../host/browser.mjs';
import { startServer } from '../host/host.mjs';
import { checkout } from '../host/location.mjs';

const screens = path.join(checkout, 'test/output/screens');
const paneTitle = 'Snapshots';

/** Opens a copy of the sample in a window of its own, with the extension installed. */
export async function openWorkbench({ size = { width: 1280, height: 800 }, userSettings, trustPrompt } = {}) {
  const { folder, remove } = copySample({ build: false });
  const server = await startServer({ userSettings, trustPrompt, installed: [checkout], driver: false });
  const browser = await launchBrowser();
  const context = await browser.newContext({ viewport: size });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const close = async () => {
    await browser.close();
    await server.stop();
    remove();
  };
  try {
    await page.goto(server.address({ folder }));
    await page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'warehouse.cpp' }).waitFor();
  } catch (error) {
    await close();
    throw error;
  }
  return new Workbench(page, close, folder);
}

async function pressUntil(page, key, locator) {
  for (let tries = 5; tries > 0; tries--) {
    await page.keyboard.press(key);
    const seen = await locator.waitFor({ timeout: 3000 }).then(
      () => true,
      () => false,
    );
    if (seen) return;
  }
  throw new Error(`${key} has no effect.`);
}

class Workbench {
  constructor(page, close, folder) {
    this.page = page;
    this.close = close;
    this.folder = folder;
    this.snapshotsPane = page.locator('.pane', { has: page.locator('.pane-header', { hasText: paneTitle }) });
    /** The page inside the view. */
    this.timeline = page
      .frameLocator('iframe.webview[src*="extensionId=rollpoint.rollpoint"]')
      .frameLocator('iframe#active-frame');
    this.rows = this.timeline.locator('.row');
    this.debugToolbar = page.locator('.debug-toolbar');
    this.stoppedLine = page.locator('.debug-top-stack-frame-line').first();
  }

  async screenshot(name) {
    mkdirSync(screens, { recursive: true });
    const file = path.join(screens, `${name}.png`);
    await this.page.screenshot({ path: file });
    return file;
  }

  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  async openFile(name) {
    const input = this.page.locator('.quick-input-widget input');
    // Keys pressed while the window is still being set up are lost.
    await pressUntil(this.page, 'Control+P', input);
    await input.fill(name);
    await this.page.locator('.quick-input-list .monaco-list-row', { hasText: name }).first().waitFor();
    await this.press('Enter');
    await this.page.locator('.tab.active', { hasText: name }).waitFor();
  }

  /** 1-based number of the first line of the sample that contains `text`. */
  lineOf(text, file = 'warehouse.cpp') {
    const lines = readFileSync(path.join(this.folder, file), 'utf8').split('\n');
    return lines.findIndex((line) => line.includes(text)) + 1;
  }

  /** Puts a breakpoint on the line that contains `text`, which must be in sight. */
  async toggleBreakpoint(text) {
    await this.page.locator('.view-line', { hasText: text }).first().click();
    const shown = this.page.locator('.glyph-margin-widgets [class*="codicon-debug-breakpoint"]');
    const before = await shown.count();
    await this.press('F9');
    await shown.nth(before).waitFor();
  }

  async goToLine(line) {
    await this.press('Control+G');
    await this.page.locator('.quick-input-widget input').fill(`:${line}`);
    await this.press('Enter');
  }

  async showDebugView() {
    await this.press('Control+Shift+D');
    await this.page.locator('.pane-header', { hasText: 'Call Stack' }).waitFor();
  }

  async expandPane(title, wanted) {
    const header = this.page.locator('.sidebar .pane-header', { hasText: title });
    await header.waitFor();
    if (((await header.getAttribute('aria-expanded')) === 'true') !== wanted) await header.click();
  }

  /** Gives the Snapshots view room by its upper edge and the edge of the side bar, both in pixels of the window. */
  async makeRoom({ top, right }) {
    const pane = await this.snapshotsPane.boundingBox();
    await this.drag({ x: pane.x + pane.width / 2, y: pane.y }, { x: pane.x + pane.width / 2, y: top });
    const bar = await this.page.locator('.part.sidebar').boundingBox();
    const edge = bar.x + bar.width + 3;
    await this.drag({ x: edge, y: 300 }, { x: right, y: 300 });
  }

  async drag(from, to) {
    const { mouse } = this.page;
    await mouse.move(from.x, from.y);
    await mouse.down();
    await mouse.move(to.x, to.y, { steps: 10 });
    await mouse.up();
  }

  /** Runs a command by its title in the palette. */
  async command(title) {
    await this.openPalette(title);
    await this.page.locator('.quick-input-list .monaco-list-row', { hasText: title }).first().click();
  }

  /** By its name in the list of themes. */
  async setTheme(name) {
    await this.command('Preferences: Color Theme');
    await this.page.locator('.quick-input-list .monaco-list-row').first().waitFor();
    await this.typeIntoInput(name);
  }

  async openPalette(text) {
    await this.press('F1');
    await this.page.locator('.quick-input-widget input').fill(`>${text}`);
  }

  paletteRow(title) {
    return this.page.locator('.quick-input-list .monaco-list-row', { hasText: title });
  }

  /** Clicks a row, and waits until its moment is on screen and the keyboard back from the editor, where VS Code takes it then. */
  async select(id) {
    if (await this.isOnScreen(id)) {
      await this.row(id).click();
      return;
    }
    await this.expectKeyboardBack(() => this.row(id).click());
    await this.timeline.locator(`#row-${id}:focus`).waitFor();
  }

  /** Waits until the timeline has lost the keyboard and has it again. */
  async expectKeyboardBack(act) {
    const body = this.timeline.locator('body');
    await body.evaluate(({ ownerDocument: { defaultView: page } }) => {
      page.keyboardBack = new Promise((resolve, reject) => {
        const listeners = new AbortController();
        let lost = false;
        page.addEventListener('blur', () => (lost = true), { signal: listeners.signal });
        const settle = (settled, reason) => {
          listeners.abort();
          settled(reason);
        };
        page.addEventListener('focus', () => lost && settle(resolve), { signal: listeners.signal });
        setTimeout(() => settle(reject, new Error(lost ? 'The keyboard stays in the editor.' : 'No other moment came on screen.')), 30_000);
      });
    });
    await act();
    await body.evaluate((element) => element.ownerDocument.defaultView.keyboardBack);
  }

  async isOnScreen(id) {
    const viewed = this.timeline.locator('#mark').getByText(/^Viewing snapshot/);
    if (await viewed.isVisible()) return (await viewed.innerText()) === `Viewing snapshot ${id}`;
    return (await this.currentRow(id).count()) > 0;
  }

  async typeIntoInput(text) {
    const input = this.page.locator('.quick-input-widget input');
    await input.waitFor();
    await input.fill(text);
    await this.press('Enter');
    await input.waitFor({ state: 'hidden' });
  }

  /** Answers the question for a debugger, which is asked only where several know the language. */
  async chooseDebugger(name) {
    const row = this.paletteRow(name);
    const message = this.page.locator('.notification-toast');
    await row.or(message).first().waitFor();
    if (await row.isVisible()) await row.click();
  }

  /** A button of the debug toolbar that can be pressed now. */
  toolbarButton(label) {
    return this.debugToolbar.locator(`.action-label:not(.disabled)[aria-label^="${label}"]`);
  }

  notification(text) {
    return this.page.locator('.notification-toast', { hasText: text });
  }

  /** By its cross, which shows under the mouse. */
  async closeNotification(notification) {
    await notification.hover();
    await notification.locator('.action-label.codicon-notifications-clear').click();
  }

  /** The number of the line that is highlighted as the one where the program stands. */
  async stoppedLineNumber() {
    await this.stoppedLine.waitFor();
    return this.page.evaluate(() => {
      const top = (element) => element.getBoundingClientRect().top;
      const line = globalThis.document.querySelector('.debug-top-stack-frame-line');
      const numbers = [...globalThis.document.querySelectorAll('.line-numbers')];
      const number = line && numbers.find((candidate) => Math.abs(top(candidate) - top(line)) < 3);
      return number ? Number(number.textContent) : undefined;
    });
  }

  variable(name) {
    return this.page.locator('.debug-variables .monaco-list-row', { has: this.page.locator('.name', { hasText: new RegExp(`^${name}\\b`) }) });
  }

  /** Waits until the Variables view shows this value. */
  async waitForVariable(name, value) {
    await this.variable(name).locator('.value', { hasText: new RegExp(`^${value}$`) }).first().waitFor();
  }

  /** Changes a variable where it is shown; `inside`: the variable that it is a part of, which is opened. */
  async setVariable(inside, name, value) {
    if (inside) await this.variable(inside).click();
    await this.variable(name).dblclick();
    const input = this.page.locator('.debug-variables input');
    await input.fill(value);
    await this.press('Enter');
    await input.waitFor({ state: 'hidden' });
    await this.waitForVariable(name, value);
  }

  /** The row of snapshot `id`; 0 is the present. */
  row(id) {
    return this.timeline.locator(`#row-${id}`);
  }

  currentRow(id) {
    return this.timeline.locator(`#row-${id}.current`);
  }

  /** What a row says beside its label. */
  description(id) {
    return this.row(id).locator('.description').getAttribute('data-text');
  }

  /** The row that the keyboard stands on. */
  selectedRow(id) {
    return this.timeline.locator(`#row-${id}[aria-selected="true"]`);
  }

  /** Presses one of the buttons that a row shows under the mouse. */
  async rowAction(id, label) {
    await this.row(id).hover();
    await this.row(id).locator(`.buttons button[aria-label="${label}"]`).click();
  }

  /** Chooses from the context menu of a row. */
  async rowMenu(id, label) {
    await this.row(id).click({ button: 'right' });
    await this.chooseFromMenu(label);
  }

  /** In its first moments a menu takes no click: the button that opened it may still be down. */
  async chooseFromMenu(label) {
    const item = this.menuItem(label);
    await item.waitFor();
    for (let tries = 5; tries > 0; tries--) {
      await item.click();
      const chosen = await item.waitFor({ state: 'detached', timeout: 1000 }).then(
        () => true,
        () => false,
      );
      if (chosen) return;
    }
    throw new Error(`The menu does not take "${label}".`);
  }

  menuItem(label) {
    return this.page.locator('.monaco-menu .action-item:not(.disabled)', { hasText: new RegExp(`^${label}$`) });
  }

  /** What the rows show, in order: depth of the branch, number, whether it is the current one. */
  async drawing() {
    const shown = await this.rows.evaluateAll((rows) =>
      rows.map((row) => ({
        index: Number(row.getAttribute('aria-posinset')),
        level: Number(row.getAttribute('aria-level')),
        text: `${row.dataset.id === '0' ? 'now' : row.dataset.id}${row.getAttribute('aria-current') ? ' current' : ''}`,
      })),
    );
    return shown.sort((a, b) => a.index - b.index).map(({ level, text }) => `${'  '.repeat(level - 1)}${text}`);
  }
}
