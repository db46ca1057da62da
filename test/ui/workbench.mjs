// VS Code's window as a user sees it: opens one on a copy of the sample, and holds its parts together.
// Must know nothing of the extension but where it is installed from.
import { mkdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { copySample } from '../extension/workspace.mjs';
import { launchBrowser } from '../host/browser.mjs';
import { startServer } from '../host/host.mjs';
import { checkout } from '../host/location.mjs';
import { ContextMenu } from './contextMenu.mjs';
import { DebugViews } from './debugViews.mjs';
import { Editor } from './editor.mjs';
import { QuickInput } from './quickInput.mjs';
import { Timeline } from './timelinePage.mjs';

const screens = path.join(checkout, 'test/output/screens');
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

class Workbench {
  constructor(page, close, folder) {
    this.page = page;
    this.close = close;
    this.folder = folder;
    this.menu = new ContextMenu(this);
    this.quickInput = new QuickInput(this);
    this.editor = new Editor(this);
    this.debug = new DebugViews(this);
    this.timeline = new Timeline(this);
    /** Beside the steps of a walkthrough: a picture, or a page. */
    this.stepMedia = page.locator('.getting-started-media');
    this.stepPage = page.frameLocator('.getting-started-media iframe.webview').frameLocator('iframe#active-frame');
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
    const timeline = await this.timeline.told();
    console.error(`On the window (picture: ${file}): ${JSON.stringify({ window, timeline }, undefined, 1)}`);
  }

  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** Presses `key` until `locator` is there: keys pressed while the window is still being set up are lost. */
  async pressUntil(key, locator) {
    for (let tries = 5; tries > 0; tries--) {
      await this.press(key);
      const seen = await locator.waitFor({ timeout: 3000 }).then(
        () => true,
        () => false,
      );
      if (seen) return;
    }
    throw new Error(`${key} has no effect.`);
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

  async drag(from, to) {
    const { mouse } = this.page;
    await mouse.move(from.x, from.y);
    await mouse.down();
    await mouse.move(to.x, to.y, { steps: 10 });
    await mouse.up();
  }

  /** Gives the Snapshots view room by its upper edge and the edge of the side bar, both in pixels of the window. */
  async makeRoom({ top, right }) {
    const pane = await this.timeline.pane.boundingBox();
    await this.drag({ x: pane.x + pane.width / 2, y: pane.y }, { x: pane.x + pane.width / 2, y: top });
    const bar = await this.page.locator('.part.sidebar').boundingBox();
    const edge = bar.x + bar.width + 3;
    await this.drag({ x: edge, y: 300 }, { x: right, y: 300 });
  }

  /** 1-based number of the first line of the sample that contains `text`. */
  lineOf(text, file = 'warehouse.cpp') {
    const lines = readFileSync(path.join(this.folder, file), 'utf8').split('\n');
    return lines.findIndex((line) => line.includes(text)) + 1;
  }

  notification(text) {
    return this.page.locator('.notification-toast', { hasText: text });
  }

  /** By its cross, which shows under the mouse. */
  async closeNotification(notification) {
    await notification.hover();
    await notification.locator('.action-label.codicon-notifications-clear').click();
  }

  /** The step of a walkthrough that is open. */
  step(title) {
    return this.page.locator('.getting-started-step.expanded', { has: this.page.locator('.step-title', { hasText: title }) });
  }
}
