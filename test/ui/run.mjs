// Runs the tests that use VS Code by mouse and keyboard: all files, or those that are named, each in a process and with
// windows of its own. They wait more than they work, so two run beside each other; what each says is shown when it ends.
// Screenshots go to test/output/screens. Needs what `npm run build` made, the VS Code server of test/host and a browser.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { checkout } from '../host/location.mjs';

const lanes = 2;
/** The long ones first: else the last one runs alone. Others follow them. */
const long = ['rust', 'session', 'compare', 'past', 'timeline'].map((name) => `${name}.test.mjs`);
const ui = path.join(checkout, 'test/ui');

/** What is not shown yet, of each that runs. */
const shows = new Set();
process.once('SIGTERM', () => {
  for (const show of shows) show();
  process.exit(1);
});

/** Resolves with what its tests reported, as .config/mochaReporter.cjs writes it. */
function run(file, results) {
  return new Promise((resolve) => {
    const mocha = path.join(checkout, 'node_modules/mocha/bin/mocha.js');
    const options = ['--no-config', '--timeout', '240000', '--slow', '20000', '--forbid-only', '--forbid-pending'];
    const child = spawn(process.execPath, [mocha, ...options, '--reporter', path.join(checkout, '.config/mochaReporter.cjs'), path.join(ui, file)], {
      cwd: checkout,
      env: { ...process.env, ROLLPOINT_RESULTS: results },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = [];
    const show = () => process.stdout.write(Buffer.concat(said.splice(0)));
    shows.add(show);
    child.stdout.on('data', (data) => said.push(data));
    child.stderr.on('data', (data) => said.push(data));
    // Not `close`: what inherited the pipes and stays must not keep us waiting.
    child.once('exit', async (code) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      show();
      shows.delete(show);
      let report;
      try {
        report = JSON.parse(readFileSync(results, 'utf8'));
      } catch {
        report = { passed: 0, failed: 0, pending: 0, duration: 0, failures: [] };
      }
      if (code !== 0 && report.failed === 0) {
        report.failed = 1;
        report.failures.push({ title: file, message: `Its process ended with exit code ${code}.` });
      }
      resolve(report);
    });
  });
}

// Those of an earlier run would be taken for this one's.
rmSync(path.join(checkout, 'test/output/screens'), { recursive: true, force: true });

const all = readdirSync(ui).filter((name) => name.endsWith('.test.mjs'));
const named = process.argv.slice(2);
const waiting = named.length > 0 ? named : [...long, ...all.filter((name) => !long.includes(name))];
const folder = mkdtempSync(path.join(tmpdir(), 'rollpoint-ui-'));
const reports = [];
const lane = async () => {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) reports.push(await run(file, path.join(folder, `${file}.json`)));
};
try {
  await Promise.all(Array.from({ length: lanes }, lane));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const sum = (key) => reports.reduce((total, report) => total + report[key], 0);
const result = { passed: sum('passed'), failed: sum('failed'), pending: sum('pending'), duration: sum('duration'), failures: reports.flatMap(({ failures }) => failures) };
if (process.env.ROLLPOINT_RESULTS) writeFileSync(process.env.ROLLPOINT_RESULTS, JSON.stringify(result, null, 1));
console.log(`${result.passed} passed, ${result.failed} failed`);
process.exitCode = result.failed > 0 ? 1 : 0;
