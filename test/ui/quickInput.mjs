// The input and the list at the top of the window: the command palette, and what commands ask there.
// Must not know the commands.
export class QuickInput {
  constructor(workbench) {
    this.workbench = workbench;
    this.page = workbench.page;
    this.input = this.page.locator('.quick-input-widget input');
  }

  row(text) {
    return this.page.locator('.quick-input-list .monaco-list-row', { hasText: text });
  }

  /** The title of the input or the list; at its end is the step, where there are several. */
  titled(title) {
    return this.page.locator('.quick-input-title', { hasText: title });
  }

  /** VS Code closes it where a stop moves the keyboard to the editor meanwhile; then it is opened again, as anybody would. */
  async openPalette(text) {
    for (let tries = 5; tries > 0; tries--) {
      await this.workbench.pressUntil('F1', this.input);
      const listed = await this.input
        .fill(`>${text}`, { timeout: 5000 })
        .then(() => this.row(text).first().waitFor({ timeout: 10_000 }))
        .then(
          () => true,
          () => false,
        );
      if (listed) return;
    }
    throw new Error(`The palette does not list "${text}".`);
  }

  /** Runs a command by its title in the palette. */
  async command(title) {
    await this.openPalette(title);
    await this.row(title).first().click();
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
    await this.workbench.press('Enter');
  }

  /** Types into the list that is open, and takes what it offers for that, which need not be the first. */
  async pickByKeys(text) {
    await this.page.keyboard.insertText(text);
    await this.page.locator('.quick-input-list .monaco-list-row.focused').waitFor();
    await this.workbench.moveTo('ArrowDown', this.row(text.trim()));
    await this.workbench.press('Enter');
  }

  async type(text) {
    await this.input.waitFor();
    await this.input.fill(text);
    await this.workbench.press('Enter');
    await this.input.waitFor({ state: 'hidden' });
  }

  /** Answers the question for a debugger, which is asked only where several know the language, until `next` is there. */
  async chooseDebugger(name, next) {
    const row = this.row(name).first();
    await row.or(next).first().waitFor();
    if (await row.isVisible()) await row.click();
    await next.waitFor();
  }
}
