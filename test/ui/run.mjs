// Runs the tests that use VS Code by mouse and keyboard. Screenshots go to test/output/screens.
// Needs what `npm run build` made, the VS Code server of test/host and a browser.
import { rmSync } from 'node:fs';
import * as path from 'node:path';
import Mocha from 'mocha';
import { checkout } from '../host/location.mjs';

// Those of an earlier run would be taken for this one's.
rmSync(path.join(checkout, 'test/output/screens'), { recursive: true, force: true });

const mocha = new Mocha({
  ui: 'bdd',
  timeout: 240_000,
  slow: 20_000,
  forbidOnly: true,
  forbidPending: true,
  reporter: path.join(checkout, '.config/mochaReporter.cjs'),
});
for (const file of ['workbench.test.mjs', 'session.test.mjs', 'past.test.mjs', 'consent.test.mjs', 'timeline.test.mjs', 'compare.test.mjs', 'rust.test.mjs']) mocha.addFile(path.join(checkout, 'test/ui', file));
await mocha.loadFilesAsync();
process.exitCode = await new Promise((resolve) => mocha.run((failures) => resolve(failures > 0 ? 1 : 0)));
