// `npm test [-- stage …]`: sets up what is missing, then runs the stages in order and stops at the first that fails.
// The last line is `N passed, N failed` over all stages. `--all` goes on after a failure, `--no-setup` trusts the machine.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { filesLeft, markName, processesLeft } from './leftovers.mjs';
import { asOrdinaryUser, ordinaryCheckout, ordinaryHome, uid } from './ordinaryUser.mjs';
import { at, root } from './paths.mjs';
import { setup } from './setup.mjs';
import { stages } from './stages.mjs';

const isRoot = process.getuid() === 0;
const rule = (text) => `\n${'─'.repeat(4)} ${text} ${'─'.repeat(Math.max(4, 90 - text.length))}`;

/**
 * What a command reported: the file of .config/mochaReporter.cjs, else lines `N passed, N failed` or mocha's
 * `N passing` and `N failing`, else one test that is its exit code.
 */
function count(resultsFile, output, code) {
  let result;
  try {
    const { passed, failed } = JSON.parse(readFileSync(resultsFile, 'utf8'));
    result = { passed, failed };
  } catch {
    const own = [...output.matchAll(/^(\d+) passed, (\d+) failed\s*$/gm)].at(-1);
    const sum = (pattern) => [...output.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
    if (own) result = { passed: Number(own[1]), failed: Number(own[2]) };
    else if (/^\s+\d+ passing\b/m.test(output)) {
      result = { passed: sum(/^\s+(\d+) passing\b/gm), failed: sum(/^\s+(\d+) failing\b/gm) };
    } else result = { passed: code === 0 ? 1 : 0, failed: 0 };
  }
  // A process that fails without naming a test must not pass for a success.
  if (code !== 0 && result.failed === 0) result.failed = 1;
  return result;
}

function execute(command, args, { cwd, env, minutes }) {
  return new Promise((resolve) => {
    // Some debuggees crash on purpose; their cores would be big and lie in the checkout.
    const child = spawn('prlimit', ['--core=0', '--', command, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    const forward = (stream) => (data) => {
      output += data;
      stream.write(data);
    };
    child.stdout.on('data', forward(process.stdout));
    child.stderr.on('data', forward(process.stderr));
    const end = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // Already gone.
      }
    };
    const limit = setTimeout(() => {
      console.error(`\nNo end after ${minutes} minutes: ${command} ${args.join(' ')}`);
      end('SIGTERM');
      setTimeout(() => end('SIGKILL'), 5000).unref();
    }, minutes * 60_000);
    const interrupt = () => end('SIGINT');
    process.once('SIGINT', interrupt);
    process.once('SIGTERM', interrupt);
    child.once('error', (error) => {
      console.error(String(error));
      resolve({ code: 1, output });
    });
    // Not `close`: a leaked process that inherited the pipes must not keep the runner waiting.
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
      setTimeout(() => resolve({ code: code ?? 1, signal, output }), 100);
    });
  });
}

/** Kept for all stages of this run: it may be a copy. Removed at exit. */
let shared;
function checkoutOfOrdinaryUser() {
  if (!shared) {
    const scratch = mkdtempSync(path.join(tmpdir(), 'rp-'));
    process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
    shared = ordinaryCheckout(scratch);
  }
  return shared;
}

/** Files of the checkout that git neither knows nor ignores. */
function strayFiles() {
  const { status, stdout } = spawnSync('git', ['-c', 'safe.directory=*', 'ls-files', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  return status === 0 ? stdout.split('\n').filter(Boolean) : [];
}

/** Takes the results that the tests of the kinds left in `from` to where the table of README is made of them. */
function keepKinds(from, user) {
  const to = at('test/output/kinds', user === 'ordinary' || !isRoot ? 'ordinary' : 'root');
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
}

/** True when the table of README says what the tests of all users have found. */
function tableIsTrue() {
  return spawnSync(process.execPath, ['.config/whatComesBack.mjs', '--check'], { cwd: root, stdio: 'inherit' }).status === 0;
}

/** One stage as one user: `{ passed, failed, notes }`. */
async function runStage(stage, user) {
  // Short, because unix sockets below it have 108 bytes for their path.
  const scratch = mkdtempSync(path.join(tmpdir(), 'rp-'));
  const total = { passed: 0, failed: 0, notes: [] };
  try {
    const tmp = path.join(scratch, 't');
    const place =
      user === 'ordinary'
        ? { ...checkoutOfOrdinaryUser(), ...ordinaryHome(scratch) }
        : { cwd: root, node: process.execPath, env: { TMPDIR: tmp }, tmp };
    mkdirSync(place.tmp, { recursive: true });
    const kinds = path.join(place.tmp, '..', 'kinds');
    mkdirSync(kinds);
    chmodSync(kinds, 0o777);
    const before = strayFiles();
    const mark = path.basename(scratch);
    const commands = stage.commands();
    if (commands.length === 0) {
      console.error(`The stage ${stage.name} has no tests.`);
      total.failed++;
    }
    for (const [index, [command, args]] of commands.entries()) {
      const results = path.join(place.tmp, `results-${index}.json`);
      const program = command === process.execPath ? place.node : command;
      const local = args.map((arg) => (arg.startsWith(`${root}/`) ? path.join(place.cwd, path.relative(root, arg)) : arg));
      const [file, list] = user === 'ordinary' ? asOrdinaryUser(program, local) : [program, local];
      const env = { ...process.env, ...place.env, ROLLPOINT_RESULTS: results, ROLLPOINT_KINDS: kinds, [markName]: mark };
      delete env.ROLLPOINT_BUILD_LOCKED;
      const minutes = stage.minutes * (process.env.ROLLPOINT_SOAK ? 6 : 1);
      const { code, output } = await execute(file, list, { cwd: place.cwd, env, minutes });
      const { passed, failed } = count(results, output, code);
      total.passed += passed;
      total.failed += failed;
      rmSync(results, { force: true });
      for (const { pid, command: left } of await processesLeft(mark)) {
        console.error(`Left running by ${stage.name}: ${pid} ${left}`);
        total.failed++;
      }
      if (failed > 0) break;
    }
    if (stage.kinds) keepKinds(kinds, user);
    const strays = strayFiles().filter((file) => !before.includes(file));
    if (strays.length > 0) total.notes.push(`left in the checkout: ${strays.slice(0, 8).join(' ')}`);
    const files = filesLeft(place.tmp);
    if (files.length > 0) total.notes.push(`left in TMPDIR: ${files.slice(0, 8).join(' ')}${files.length > 8 ? ' …' : ''}`);
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
  return total;
}

async function main() {
  const words = process.argv.slice(2);
  const names = words.filter((word) => !word.startsWith('--'));
  const unknown = names.filter((name) => !stages.some((stage) => stage.name === name));
  if (unknown.length > 0) {
    console.error(`No such stage: ${unknown.join(', ')}. There are: ${stages.map((stage) => stage.name).join(', ')}.`);
    return 2;
  }
  const wanted = stages.filter((stage) => names.length === 0 || names.includes(stage.name));
  if (!words.includes('--no-setup')) {
    await setup({ tests: true, host: wanted.some((stage) => stage.needs?.includes('host')) });
  }

  const rows = [];
  let broken = false;
  for (const stage of wanted) {
    const users = stage.users === 'both' && isRoot ? ['root', 'ordinary'] : [isRoot ? 'root' : 'you'];
    for (const user of users) {
      if (broken && !words.includes('--all')) continue;
      const who = { root: 'as root', ordinary: `as an ordinary user, uid ${uid}`, you: 'as you' }[user];
      console.log(rule(`${stage.name}: ${stage.title}, ${who}`));
      const begin = Date.now();
      const result = await runStage(stage, user);
      rows.push({ stage, user, seconds: (Date.now() - begin) / 1000, ...result });
      if (result.failed > 0) broken = true;
    }
    if (stage.kinds && !broken) {
      const last = rows.at(-1);
      if (tableIsTrue()) last.passed++;
      else {
        last.failed++;
        broken = true;
      }
    }
  }

  console.log(rule('summary'));
  for (const { stage, user, passed, failed, seconds, notes } of rows) {
    const label = `${stage.name} (${user === 'ordinary' ? 'ordinary user' : user})`;
    const verdict = failed > 0 ? 'FAILED' : 'passed';
    console.log(`${verdict}  ${label.padEnd(28)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed ${seconds.toFixed(0).padStart(6)} s`);
    for (const note of notes) console.log(`        ${note}`);
  }
  const missing = wanted.filter((stage) => !rows.some((row) => row.stage === stage));
  if (missing.length > 0) console.log(`not run  ${missing.map((stage) => stage.name).join(', ')}: an earlier stage failed`);
  if (!isRoot) console.log('Run once, as you: only root can run them a second time as somebody without rights.');
  const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  return broken ? 1 : 0;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(error.message);
    console.log('0 passed, 1 failed');
    process.exit(1);
  },
);
