// The editors: source with its breakpoints and the line where the program stands, diffs, memory, instructions.
// Must not know what the program does.
export class Editor {
  constructor(workbench) {
    this.workbench = workbench;
    this.page = workbench.page;
    this.stoppedLine = this.page.locator('.debug-top-stack-frame-line').first();
    /** What the editor of memory shows, in hex. */
    this.bytes = this.page
      .frameLocator('iframe.webview[src*="extensionId=ms-vscode.hexeditor"]')
      .frameLocator('iframe#active-frame')
      .locator('#bytes');
  }

  async openFile(name) {
    const { input } = this.workbench.quickInput;
    await this.workbench.pressUntil('Control+P', input);
    await input.fill(name);
    await this.workbench.quickInput.row(name).first().waitFor();
    await this.workbench.press('Enter');
    await this.tab(name).waitFor();
  }

  async goToLine(line) {
    const { input } = this.workbench.quickInput;
    await this.workbench.pressUntil('Control+G', input);
    await input.fill(`:${line}`);
    // Enter takes what the list offers; before that it takes nothing.
    await this.workbench.quickInput.row(new RegExp(`line ${line}\\b`)).waitFor();
    await this.workbench.press('Enter');
    await input.waitFor({ state: 'hidden' });
    await this.page.locator('.line-numbers.active-line-number', { hasText: new RegExp(`^${line}$`) }).waitFor();
  }

  /** Puts a breakpoint on the line that contains `text`, which must be in sight. */
  async toggleBreakpoint(text) {
    await this.page.locator('.view-line', { hasText: text }).first().click();
    const shown = this.page.locator('.glyph-margin-widgets [class*="codicon-debug-breakpoint"]');
    const before = await shown.count();
    await this.workbench.press('F9');
    await shown.nth(before).waitFor();
  }

  tab(title) {
    return this.page.locator('.tab.active', { hasText: title });
  }

  /** A button at the upper right of the editor. */
  action(label) {
    return this.page.locator(`.editor-actions .action-label[aria-label^="${label}"]`);
  }

  /** `side`: `original` or `modified`. */
  diffLine(side, text) {
    return this.page.locator(`.monaco-diff-editor .editor.${side} .view-line`, { hasText: text });
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

  /** Waits until the editor of memory shows these bytes, in hex, from its first one on. */
  async showsBytes(bytes) {
    await this.bytes.filter({ hasText: new RegExp(`^${bytes}`) }).waitFor();
  }

  /** Waits until the Disassembly view has the program at the first instruction of one of these lines. */
  async disassembles(...lines) {
    const row = this.page.locator('.disassembly-view .monaco-list-row', { has: this.page.locator('.codicon-debug-stackframe') });
    await row.filter({ hasText: new RegExp(`^\\s*(${lines.join('|')}): `) }).waitFor();
  }
}
