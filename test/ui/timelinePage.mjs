// The view Snapshots: its rows, their buttons and menus, and the line that tells of the past on screen.
// Must know the page only as a user does: by what it shows, and where the keyboard is.
export class Timeline {
  constructor(workbench) {
    this.workbench = workbench;
    const page = (this.window = workbench.page);
    this.pane = page.locator('.pane', { has: page.locator('.pane-header', { hasText: 'Snapshots' }) });
    /** The page inside the view. */
    this.page = page.frameLocator('iframe.webview[src*="extensionId=rollpoint.rollpoint"]').frameLocator('iframe#active-frame');
    this.rows = this.page.locator('.row');
  }

  /** In words what is on the page, for who has the log only. */
  async told() {
    const frame = this.window.frames().find((candidate) => candidate.name() === 'active-frame' || candidate.url().includes('fake.html'));
    return frame?.evaluate(() => {
      const { document } = globalThis;
      return {
        keyboard: document.hasFocus() && document.activeElement?.id,
        busy: document.querySelector('#timeline')?.ariaBusy,
        feet: [...document.querySelectorAll('.foot')].map(({ innerText }) => innerText),
        rows: [...document.querySelectorAll('.row')].slice(0, 30).map((row) => `${row.className} ${row.ariaSelected === 'true' ? '*' : ''}${row.innerText.replaceAll('\n', ' ')}`),
      };
    });
  }

  /** The row of snapshot `id`; 0 is the present. */
  row(id) {
    return this.page.locator(`#row-${id}`);
  }

  currentRow(id) {
    return this.page.locator(`#row-${id}.current`);
  }

  /** The row that the keyboard stands on. */
  selectedRow(id) {
    return this.page.locator(`#row-${id}[aria-selected="true"]`);
  }

  /** What a row says beside its label. */
  description(id) {
    return this.row(id).locator('.description').getAttribute('data-text');
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
    await this.page.locator('#timeline:not([aria-busy="true"])').waitFor();
    await this.page.locator(id === undefined ? '.row:focus' : `#row-${id}:focus`).waitFor();
  }

  /** Presses one of the buttons that a row shows under the mouse. */
  async pressButton(id, label) {
    await this.row(id).hover();
    await this.row(id).locator(`.buttons button[aria-label="${label}"]`).click();
  }

  /** Chooses from the context menu of a row. */
  async chooseFromMenu(id, label) {
    await this.row(id).click({ button: 'right' });
    await this.workbench.menu.choose(label);
  }

  /** Opens the context menu of the row that the keyboard stands on by `key`, and waits until it hangs at that row. */
  async openMenuByKey(key) {
    const row = await this.page.locator('.row:focus').boundingBox();
    await this.workbench.press(key);
    const menu = this.workbench.menu.element;
    await menu.waitFor();
    const { y, height } = await menu.boundingBox();
    const isAt = (edge) => edge >= row.y - 2 && edge <= row.y + row.height + 2;
    if (!isAt(y) && !isAt(y + height)) throw new Error(`The menu from ${y} to ${y + height} is not at the row at ${row.y}.`);
  }

  /** Shows snapshot `id`, by mouse or by keys, calls `shown`, and comes back to the present. */
  async whileViewing(id, how, shown) {
    const { quickInput } = this.workbench;
    if (how === 'mouse') await this.select(id);
    else {
      await quickInput.commandByKeys('Rollpoint: View snapshot');
      await quickInput.titled('View snapshot').waitFor();
      await quickInput.pickByKeys(`#${id} ·`);
    }
    await this.page.getByText(`Viewing snapshot ${id}`, { exact: true }).waitFor();
    await shown();
    if (how === 'mouse') await this.page.getByText('Return to present').click();
    else await quickInput.commandByKeys('Rollpoint: Return to present');
    await this.page.locator('#mark').waitFor({ state: 'hidden' });
  }
}
