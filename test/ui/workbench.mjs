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
const memoryViewer = path.join(checkout, 'test/ui/memoryViewer');

/** Opens a copy of the sample in a window of its own, with the extension installed. */
export async function openWorkbench({ size = { width: 1280, height: 800 }, userSettings, trustPrompt } = {}) {
  const { folder, remove } = copySample({ build: false });
  const server = await startServer({ userSettings, trustPrompt, installed: [checkout, memoryViewer], driver: false });
  const browser = await launchBrowser();
  const context = await browser.newContext({ viewport: size });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.setDefaultNavigationTimeout(120_000);
  const close = async () => {
    await browser.close();
    await server.stop();
    remove();
  };
  try {
    await page.goto(server.address({ folder }));
    await page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'warehouse.cpp' }).waitFor();
  } catch (error) {
    await page.screenshot({ path: path.join(screens, 'failed-open.png') }).catch(() => undefined);
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
    this.bytes = page
      .frameLocator('iframe.webview[src*="extensionId=ms-vscode.hexeditor"]')
      .frameLocator('iframe#active-frame')
      .locator('#bytes');
    this.rows = this.timeline.locator('.row');
    this.callStackRows = page.locator('.debug-call-stack .monaco-list-row');
    /** Beside the steps of a walkthrough: a picture, or a page. */
    this.stepMedia = page.locator('.getting-started-media');
    this.stepPage = page.frameLocator('.getting-started-media iframe.webview').frameLocator('iframe#active-frame');
    this.debugToolbar = page.locator('.debug-toolbar');
    this.stoppedLine = page.locator('.debug-top-stack-frame-line').first();
  }

  async screenshot(name) {
    mkdirSync(screens, { recursive: true });
    const file = path.join(screens, `${name}.png`);
    await this.page.screenshot({ path: file });
    return file;
  }

  /** After a failed test: a picture, and in words what is on the window, for who has the log only. */
  async tellFailure(name) {
    const file = await this.screenshot(`failed-${name}`);
    const window = await this.page.evaluate(() => {
      const { document } = globalThis;
      const texts = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility()).map(({ innerText, value }) => value ?? innerText);
      return {
        keyboard: document.activeElement?.outerHTML.slice(0, 120),
        input: texts('.quick-input-widget input, .quick-input-title, .quick-input-list .monaco-list-row'),
        notifications: texts('.notification-toast'),
        dialog: texts('.monaco-dialog-box'),
        variables: texts('.debug-variables .monaco-list-row'),
        toolbar: document.querySelectorAll('.debug-toolbar .action-label:not(.disabled)').length,
        status: texts('.statusbar-item').filter(Boolean),
      };
    });
    const frame = this.page.frames().find((candidate) => candidate.name() === 'active-frame' || candidate.url().includes('fake.html'));
    const timeline = await frame?.evaluate(() => {
      const { document } = globalThis;
      return {
        keyboard: document.hasFocus() && document.activeElement?.id,
        busy: document.querySelector('#timeline')?.ariaBusy,
        feet: [...document.querySelectorAll('.foot')].map(({ innerText }) => innerText),
        rows: [...document.querySelectorAll('.row')].slice(0, 30).map((row) => `${row.className} ${row.ariaSelected === 'true' ? '*' : ''}${row.innerText.replaceAll('\n', ' ')}`),
      };
    });
    console.error(`On the window (picture: ${file}): ${JSON.stringify({ window, timeline }, undefined, 1)}`);
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
    const input = this.page.locator('.quick-input-widget input');
    await pressUntil(this.page, 'Control+G', input);
    await input.fill(`:${line}`);
    // Enter takes what the list offers; before that it takes nothing.
    await this.paletteRow(new RegExp(`line ${line}\\b`)).waitFor();
    await this.press('Enter');
    await input.waitFor({ state: 'hidden' });
    await this.page.locator('.line-numbers.active-line-number', { hasText: new RegExp(`^${line}$`) }).waitFor();
  }

  async showDebugView() {
    await pressUntil(this.page, 'Control+Shift+D', this.page.locator('.pane-header', { hasText: 'Call Stack' }));
  }

  async expandPane(title, wanted) {
    const header = this.page.locator('.sidebar .pane-header', { hasText: title });
    await header.waitFor();
    if (((await header.getAttribute('aria-expanded')) === 'true') !== wanted) {
      // What had the keyboard may show its name in a box that lies over the header.
      await header.focus();
      await header.click();
    }
    await this.page.locator(`.sidebar .pane-header[aria-expanded="${wanted}"]`, { hasText: title }).waitFor();
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
    await this.paletteRow(title).first().click();
    // The command may open an input of its own, in the same place.
    await this.page.waitForFunction(() => {
      const input = globalThis.document.querySelector('.quick-input-widget input');
      return !input || !input.checkVisibility() || !input.value.startsWith('>');
    });
  }

  /** As `command`, without a mouse: the title is to be the first that the palette offers. */
  async commandByKeys(title) {
    await this.openPalette(title);
    await this.page.locator('.quick-input-list .monaco-list-row.focused', { hasText: title }).waitFor();
    await this.press('Enter');
  }

  /** Types into the list that is open, and takes what it offers for that, which need not be the first. */
  async pickByKeys(text) {
    await this.page.keyboard.insertText(text);
    await this.page.locator('.quick-input-list .monaco-list-row.focused').waitFor();
    await this.moveTo('ArrowDown', this.paletteRow(text.trim()));
    await this.press('Enter');
  }

  /** VS Code closes it where a stop moves the keyboard to the editor meanwhile; then it is opened again, as anybody would. */
  async openPalette(text) {
    const input = this.page.locator('.quick-input-widget input');
    for (let tries = 5; tries > 0; tries--) {
      await pressUntil(this.page, 'F1', input);
      const listed = await input
        .fill(`>${text}`, { timeout: 5000 })
        .then(() => this.paletteRow(text).first().waitFor({ timeout: 10_000 }))
        .then(
          () => true,
          () => false,
        );
      if (listed) return;
    }
    throw new Error(`The palette does not list "${text}".`);
  }

  paletteRow(title) {
    return this.page.locator('.quick-input-list .monaco-list-row', { hasText: title });
  }

  /**
   * Clicks a row, which shows its moment, and waits until the keyboard is back from the editor, where VS Code takes it at
   * each stop.
   */
  async select(id) {
    await this.row(id).click();
    await this.hasKeyboard(id);
  }

  /** Waits until what was asked for in the timeline is on screen and the keyboard back in the timeline; on row `id`, if given. */
  async hasKeyboard(id) {
    await this.timeline.locator('#timeline:not([aria-busy="true"])').waitFor();
    await this.timeline.locator(id === undefined ? '.row:focus' : `#row-${id}:focus`).waitFor();
  }

  async typeIntoInput(text) {
    const input = this.page.locator('.quick-input-widget input');
    await input.waitFor();
    await input.fill(text);
    await this.press('Enter');
    await input.waitFor({ state: 'hidden' });
  }

  /** Answers the question for a debugger, which is asked only where several know the language, until `next` is there. */
  async chooseDebugger(name, next) {
    const row = this.paletteRow(name).first();
    await row.or(next).first().waitFor();
    if (await row.isVisible()) await row.click();
    await next.waitFor();
  }

  /** A button of the debug toolbar that can be pressed now. */
  toolbarButton(label) {
    return this.debugToolbar.locator(`.action-label:not(.disabled)[aria-label^="${label}"]`);
  }

  /** The title of the input or the list at the top of the window; at its end is the step, where there are several. */
  inputTitled(title) {
    return this.page.locator('.quick-input-title', { hasText: title });
  }

  tab(title) {
    return this.page.locator('.tab.active', { hasText: title });
  }

  /** A button at the upper right of the editor. */
  editorAction(label) {
    return this.page.locator(`.editor-actions .action-label[aria-label^="${label}"]`);
  }

  /** `side`: `original` or `modified`. */
  diffLine(side, text) {
    return this.page.locator(`.monaco-diff-editor .editor.${side} .view-line`, { hasText: text });
  }

  async addWatch(expression) {
    await this.expandPane('Watch', true);
    await this.page.locator('.pane-header', { hasText: 'Watch' }).hover();
    await this.page.locator('.pane-header .action-label[aria-label="Add Expression"]').click();
    const input = this.page.locator('.debug-watch input');
    await input.fill(expression);
    await this.press('Enter');
    await input.waitFor({ state: 'hidden' });
  }

  /** A row of the Watch view. */
  watch(expression) {
    return this.page.locator('.debug-watch .monaco-list-row', { has: this.page.locator('.name', { hasText: expression }) });
  }

  /** Opens the memory that a row of Variables or Watch points to, in an editor beside the source. */
  async viewMemory(row) {
    await row.hover();
    await row.locator('.action-label[aria-label^="View Binary Data"]').click();
    await this.bytes.waitFor();
  }

  /** Waits until the Memory view shows these bytes, in hex, from its first one on. */
  async showsBytes(bytes) {
    await this.bytes.filter({ hasText: new RegExp(`^${bytes}`) }).waitFor();
  }

  /** Waits until the Disassembly view has the program at the first instruction of one of these lines. */
  async disassembles(...lines) {
    const row = this.page.locator('.disassembly-view .monaco-list-row', { has: this.page.locator('.codicon-debug-stackframe') });
    await row.filter({ hasText: new RegExp(`^\\s*(${lines.join('|')}): `) }).waitFor();
  }

  /** The step of a walkthrough that is open. */
  step(title) {
    return this.page.locator('.getting-started-step.expanded', { has: this.page.locator('.step-title', { hasText: title }) });
  }

  notification(text) {
    return this.page.locator('.notification-toast', { hasText: text });
  }

  /** By its cross, which shows under the mouse. */
  async closeNotification(notification) {
    await notification.hover();
    await notification.locator('.action-label.codicon-notifications-clear').click();
  }

  /** Waits until one of these lines is highlighted as the one where the program stands. */
  stopsAt(...lines) {
    return this.highlights('.debug-top-stack-frame-line', lines);
  }

  /** As `stopsAt`, for a frame that was selected; it need not be the uppermost. */
  showsFrameAt(...lines) {
    return this.highlights('.debug-focused-stack-frame-line, .debug-top-stack-frame-line', lines);
  }

  async highlights(marks, lines) {
    await this.page.waitForFunction(
      ([marks, lines]) => {
        const { document } = globalThis;
        const top = (element) => element.getBoundingClientRect().top;
        const marked = [...document.querySelectorAll(marks)].map(top);
        const numbers = [...document.querySelectorAll('.line-numbers')].filter((number) => marked.some((place) => Math.abs(top(number) - place) < 3));
        return numbers.some((number) => lines.includes(Number(number.textContent)));
      },
      [marks, lines],
    );
  }

  /** Shows snapshot `id`, by mouse or by keys, calls `shown`, and comes back to the present. */
  async whileViewing(id, how, shown) {
    if (how === 'mouse') await this.select(id);
    else {
      await this.commandByKeys('Rollpoint: View snapshot');
      await this.inputTitled('View snapshot').waitFor();
      await this.pickByKeys(`#${id} ·`);
    }
    await this.timeline.getByText(`Viewing snapshot ${id}`, { exact: true }).waitFor();
    await shown();
    if (how === 'mouse') await this.timeline.getByText('Return to present').click();
    else await this.commandByKeys('Rollpoint: Return to present');
    await this.timeline.locator('#mark').waitFor({ state: 'hidden' });
  }

  /** Waits until the Call Stack view has this number of threads, and returns what it calls them; one alone has no name there. */
  async threadsShown(number) {
    await this.page.waitForFunction(
      (wanted) => globalThis.document.querySelectorAll('.debug-call-stack .thread').length === wanted,
      number === 1 ? 0 : number,
    );
    const threads = await this.callStackRows.evaluateAll((rows) =>
      rows.map((row) => ({ index: Number(row.dataset.index), name: row.querySelector('.thread .name')?.textContent })),
    );
    return threads.sort((a, b) => a.index - b.index).flatMap(({ name }) => name ?? []);
  }

  /** In the Call Stack view: closes all, opens the thread that it calls `thread`, and selects its frame of function `name`. */
  async selectFrame(thread, name, how) {
    const row = this.callStackRows.filter({ hasText: thread });
    const frame = this.callStackRows.filter({ has: this.page.locator('.stack-frame .label', { hasText: new RegExp(`^${name}$`) }) });
    await this.page.locator('.debug-call-stack .monaco-list-row.selected .stack-frame').waitFor();
    if (how === 'mouse') {
      const header = this.page.locator('.pane-header', { hasText: 'Call Stack' });
      await header.hover();
      await header.locator('.action-label[aria-label="Collapse All"]').click();
      await row.locator('.monaco-tl-twistie').click();
      await frame.click();
    } else {
      await this.commandByKeys('Debug: Focus on Call Stack View');
      await this.press('Control+ArrowLeft', 'Home');
      await this.moveTo('ArrowDown', row);
      await this.press('ArrowRight');
      await frame.waitFor();
      await this.moveTo('ArrowDown', frame);
      await this.press('Enter');
    }
  }

  /** Presses a key until the keyboard stands on `row` of the list that it is in. */
  async moveTo(key, row) {
    const there = row.and(this.page.locator('.focused'));
    const focused = () => {
      const { activeElement } = globalThis.document;
      const list = activeElement?.closest('.quick-input-widget, .monaco-editor') ?? activeElement;
      return list?.querySelector('.monaco-list-row.focused')?.dataset.index;
    };
    while (!(await there.isVisible())) {
      const before = await this.page.evaluate(focused);
      await this.press(key);
      await this.page.waitForFunction(`(${focused})() !== ${JSON.stringify(before)}`);
    }
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
    for (let tries = 30; tries > 0; tries--) {
      // It may be gone, by the click before.
      await item.click({ timeout: 2000 }).catch(() => undefined);
      const chosen = await item.waitFor({ state: 'detached', timeout: 1000 }).then(
        () => true,
        () => false,
      );
      if (chosen) return;
    }
    throw new Error(`The menu does not take "${label}".`);
  }

  /** The labels of the menu that is open. */
  async menuEntries() {
    const labels = this.page.locator('.monaco-menu .action-item:not(.disabled) .action-label:not(.separator)');
    await labels.first().waitFor();
    return labels.allInnerTexts();
  }

  /** Opens the context menu of the row that the keyboard stands on by `key`, and waits until it hangs at that row. */
  async openMenuByKey(key) {
    const row = await this.timeline.locator('.row:focus').boundingBox();
    await this.press(key);
    const menu = this.page.locator('.monaco-menu');
    await menu.waitFor();
    const { y, height } = await menu.boundingBox();
    const isAt = (edge) => edge >= row.y - 2 && edge <= row.y + row.height + 2;
    if (!isAt(y) && !isAt(y + height)) throw new Error(`The menu from ${y} to ${y + height} is not at the row at ${row.y}.`);
  }

  /** Chooses from the menu that is open. */
  async chooseByKeys(label) {
    const focused = this.page.locator('.monaco-menu .action-item.focused');
    const wanted = focused.filter({ hasText: new RegExp(`^${label}$`) });
    for (let left = (await this.menuEntries()).length; left > 0 && !(await wanted.isVisible()); left--) await this.press('ArrowDown');
    await wanted.waitFor();
    await this.press('Enter');
    await this.page.locator('.monaco-menu').waitFor({ state: 'detached' });
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
