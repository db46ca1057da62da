// The timeline's page in each kind of theme, and whether a screen reader can use it (axe-core).
// Must not know what the page shows.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Class of the page's body, and the theme as settings name it. */
export const themes = {
  'vscode-dark': 'Default Dark Modern',
  'vscode-light': 'Default Light Modern',
  'vscode-high-contrast': 'Default High Contrast',
  'vscode-high-contrast-light': 'Default High Contrast Light',
};

/** By the settings of the folder, which take no keyboard away. */
export async function setTheme(workbench, kind) {
  const settings = path.join(workbench.folder, '.vscode/settings.json');
  const shown = workbench.timeline.page.locator(`body.${kind}`);
  for (let tries = 5; tries > 0; tries--) {
    // VS Code may look while it is being written, and not again.
    writeFileSync(`${settings}.new`, JSON.stringify({ 'workbench.colorTheme': themes[kind] }));
    renameSync(`${settings}.new`, settings);
    const seen = await shown.waitFor({ timeout: 10_000 }).then(
      () => true,
      () => false,
    );
    if (seen) return;
  }
  throw new Error(`The theme ${themes[kind]} is not taken.`);
}

/** What axe-core finds serious or critical in the page as it is. */
export async function seriousFaults(workbench) {
  const body = await workbench.timeline.page.locator('body').elementHandle();
  const frame = await body.ownerFrame();
  // The page has none of its own: that of the side bar shows through, which the checker cannot see.
  await frame.evaluate(() => (globalThis.document.body.style.background = 'var(--vscode-sideBar-background)'));
  // As an expression: the page's policy would, rightly, refuse a script element.
  await frame.evaluate(axe);
  const violations = await frame.evaluate(async () => {
    const whole = await globalThis.axe.run();
    // Nor can it see text that the style sheet paints.
    const painted = [...globalThis.document.querySelectorAll('[data-text]:empty')];
    for (const element of painted) element.textContent = element.dataset.text;
    const contrast = await globalThis.axe.run({ runOnly: ['color-contrast'] });
    for (const element of painted) element.textContent = '';
    return [...whole.violations, ...contrast.violations];
  });
  const found = violations.map(({ id, impact, nodes }) => `${impact}: ${id}: ${nodes[0].html} ${nodes[0].failureSummary}`);
  return found.filter((line) => /^(serious|critical)/.test(line));
}
