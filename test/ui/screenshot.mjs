// Makes the pictures of media/readme from the running product: `node test/ui/screenshot.mjs`, after `npm run build`.
import { mkdirSync } from 'node:fs';
import * as path from 'node:path';
import { checkout } from '../host/location.mjs';
import { openWorkbench } from './workbench.mjs';

const pictures = path.join(checkout, 'media/readme');
const perOrder = 'break here';
const evening = 'in the evening';
const userSettings = {
  'debug.openDebug': 'openOnSessionStart',
  'debug.internalConsoleOptions': 'neverOpen',
  'editor.minimap.enabled': false,
  'window.commandCenter': false,
  'window.title': 'warehouse',
  'workbench.layoutControl.enabled': false,
};

const workbench = await openWorkbench({ userSettings });
try {
  const stopAt = async (id) => {
    await workbench.timeline.currentRow(id).waitFor();
    await workbench.editor.stoppedLine.waitFor();
    // A key pressed while VS Code still reads the stack is lost.
    await workbench.page.waitForTimeout(800);
  };
  const name = async (id, label) => {
    await workbench.timeline.select(id);
    await workbench.press('F2');
    await workbench.quickInput.type(label);
  };

  const picture = async (name) => {
    await workbench.page.mouse.move(900, 600);
    await workbench.page.locator('.workbench-hover-container').waitFor({ state: 'hidden' });
    mkdirSync(pictures, { recursive: true });
    await workbench.page.screenshot({ path: path.join(pictures, `${name}.png`) });
  };

  await workbench.editor.openFile('warehouse.cpp');
  for (const text of [evening, perOrder]) {
    await workbench.editor.goToLine(workbench.lineOf(text));
    await workbench.editor.toggleBreakpoint(text);
  }
  await workbench.debug.show();
  for (const pane of ['Watch', 'Breakpoints', 'Call Stack']) await workbench.debug.expandPane(pane, false);
  await workbench.press('F5');
  await stopAt(1);
  await workbench.makeRoom({ top: 420, right: 640 });
  for (let id = 2; id <= 9; id++) {
    await workbench.press('F5');
    await stopAt(id);
  }
  await name(9, 'evening: 10 pieces are missing');
  await workbench.timeline.pressButton(9, 'Pin');
  await name(5, '70 bolts, but room for 60');
  await workbench.timeline.pressButton(5, 'Restore');
  await stopAt(5);
  await workbench.debug.setVariable('shelf', 'room', '100');
  await workbench.press('F5');
  await stopAt(10);
  await workbench.press('F5');
  await stopAt(11);
  await workbench.debug.variable('order').click();
  await workbench.debug.variable('number').waitFor();
  await picture('timeline');
  await workbench.debug.variable('order').click();
  await workbench.timeline.chooseFromMenu(9, 'Select for compare');
  await workbench.timeline.chooseFromMenu(11, 'Compare with selected');
  await workbench.editor.tab('Snapshot 9 ↔ Snapshot 11').waitFor();
  await workbench.editor.diffLine('modified', 'booked_').first().waitFor();
  await picture('compare');
  await workbench.quickInput.command('View: Close Editor');
  await workbench.quickInput.command('Rollpoint: Show history');
  await workbench.quickInput.type('shelf.pieces');
  await workbench.timeline.page.getByText('History of shelf.pieces').waitFor();
  await picture('history');
} catch (error) {
  await workbench.screenshot('failed-readme');
  throw error;
} finally {
  await workbench.close();
}
