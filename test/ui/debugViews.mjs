// Run and Debug: its views Variables, Watch and Call Stack, and the debug toolbar. Must not know snapshots.
export class DebugViews {
  constructor(workbench) {
    this.workbench = workbench;
    this.page = workbench.page;
    this.toolbar = this.page.locator('.debug-toolbar');
    this.callStackRows = this.page.locator('.debug-call-stack .monaco-list-row');
  }

  async show() {
    await this.workbench.pressUntil('Control+Shift+D', this.page.locator('.pane-header', { hasText: 'Call Stack' }));
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

  /** A button of the toolbar that can be pressed now. */
  button(label) {
    return this.toolbar.locator(`.action-label:not(.disabled)[aria-label^="${label}"]`);
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
    await this.workbench.press('Enter');
    await input.waitFor({ state: 'hidden' });
    await this.waitForVariable(name, value);
  }

  async addWatch(expression) {
    await this.expandPane('Watch', true);
    await this.page.locator('.pane-header', { hasText: 'Watch' }).hover();
    await this.page.locator('.pane-header .action-label[aria-label="Add Expression"]').click();
    const input = this.page.locator('.debug-watch input');
    await input.fill(expression);
    await this.workbench.press('Enter');
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
    await this.workbench.editor.bytes.waitFor();
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

  /** In the Call Stack view, by what that calls it. */
  thread(name) {
    return this.callStackRows.filter({ hasText: name });
  }

  /** There, by its function. */
  frame(name) {
    return this.callStackRows.filter({ has: this.page.locator('.stack-frame .label', { hasText: new RegExp(`^${name}$`) }) });
  }

  /** There: closes all, opens the thread that it calls `thread`, and selects its frame of function `name`. */
  async selectFrame(thread, name, how) {
    await this.page.locator('.debug-call-stack .monaco-list-row.selected .stack-frame').waitFor();
    if (how === 'mouse') {
      const header = this.page.locator('.pane-header', { hasText: 'Call Stack' });
      await header.hover();
      await header.locator('.action-label[aria-label="Collapse All"]').click();
      await this.thread(thread).locator('.monaco-tl-twistie').click();
      await this.frame(name).click();
    } else {
      await this.workbench.quickInput.commandByKeys('Debug: Focus on Call Stack View');
      await this.workbench.press('Control+ArrowLeft', 'Home');
      await this.workbench.moveTo('ArrowDown', this.thread(thread));
      await this.workbench.press('ArrowRight');
      await this.frame(name).waitFor();
      await this.workbench.moveTo('ArrowDown', this.frame(name));
      await this.workbench.press('Enter');
    }
  }
}
