// Mocha reporter of every stage: prints tests as they run, and leaves counts and failures in ROLLPOINT_RESULTS as JSON.
// A process that tests left hanging is told apart from a slow one: it is named and ended here.
const { readdirSync, readlinkSync, writeFileSync } = require('node:fs');
const Mocha = require('mocha');

const graceMillis = 15_000;

/** What keeps the event loop alive, and the descriptors above stderr, in words. */
function leftOpen() {
  const resources = process.getActiveResourcesInfo();
  const descriptors = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return Number(fd) > 2 && !target.startsWith('anon_inode:') ? [`${fd} → ${target}`] : [];
    } catch {
      return [];
    }
  });
  return [...resources, ...descriptors].join(', ');
}

module.exports = class extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const failures = [];
    runner.on(Mocha.Runner.constants.EVENT_TEST_FAIL, (test, error) => {
      failures.push({ title: test.fullTitle(), message: String(error?.stack ?? error) });
    });
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes, pending, duration } = this.stats;
      const record = () => {
        if (!process.env.ROLLPOINT_RESULTS) return;
        writeFileSync(
          process.env.ROLLPOINT_RESULTS,
          JSON.stringify({ passed: passes, failed: failures.length + pending, pending, duration, failures }, null, 1),
        );
      };
      record();
      if (process.versions.electron || process.env.VSCODE_PID) return;
      setTimeout(() => {
        const message = `The tests ended but their process did not. Still open: ${leftOpen()}.`;
        console.error(message);
        failures.push({ title: 'leaves nothing open', message });
        record();
        process.exit(1);
      }, graceMillis).unref();
    });
  }
};
