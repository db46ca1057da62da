// The context menu that is open. Must not know what it hangs at.
export class ContextMenu {
  constructor({ page }) {
    this.page = page;
    this.element = page.locator('.monaco-menu');
  }

  item(label) {
    return this.element.locator('.action-item:not(.disabled)', { hasText: new RegExp(`^${label}$`) });
  }

  /** The labels of what can be chosen. */
  async entries() {
    const labels = this.element.locator('.action-item:not(.disabled) .action-label:not(.separator)');
    await labels.first().waitFor();
    return labels.allInnerTexts();
  }

  /** In its first moments a menu takes no click: the button that opened it may still be down. */
  async choose(label) {
    const item = this.item(label);
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

  async chooseByKeys(label) {
    const focused = this.element.locator('.action-item.focused');
    const wanted = focused.filter({ hasText: new RegExp(`^${label}$`) });
    for (let left = (await this.entries()).length; left > 0 && !(await wanted.isVisible()); left--) await this.page.keyboard.press('ArrowDown');
    await wanted.waitFor();
    await this.page.keyboard.press('Enter');
    await this.element.waitFor({ state: 'detached' });
  }
}
