// One stage of the tests as one user: where it runs, what its commands report, what they leave behind.
// Must not know the order of the stages, nor who runs beside it.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { filesLeft, markName, processesLeft } from './leftovers.mjs';
import { asOrdinaryUser, ordinaryCheckout, ordinaryHome } from './ordinaryUser.mjs';
import { at, root } from './paths.mjs';

export const isRoot = process.getuid() === 0;

/**
 * What a command reported: the file of .config/mochaReporter.cjs, else lines `N passed, N failed` or mocha's
 * `N passing` and `N failing`, else one test that is its exit code.
 */
function count(resultsFile, output, code) {
  let result;
  try {
    const { passed, failed, failures } = JSON.parse(readFileSync(resultsFile, 'utf8'));
    result = { passed, failed, failures };
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

function execute(command, args, { cwd, env, minutes, print }) {
  return new Promise((resolve) => {
    // Some debuggees crash on purpose; their cores would be big and lie in the checkout.
    const child = spawn('prlimit', ['--core=0', '--', command, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    const forward = (data) => {
      output += data;
      print(data);
    };
    child.stdout.on('data', forward);
    child.stderr.on('data', forward);
    const end = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // Already gone.
      }
    };
    const limit = setTimeout(() => {
      print(`\nNo end after ${minutes} minutes: ${command} ${args.join(' ')}\n`);
      end('SIGTERM');
      setTimeout(() => end('SIGKILL'), 5000).unref();
    }, minutes * 60_000);
    const interrupt = () => end('SIGINT');
    process.once('SIGINT', interrupt);
    process.once('SIGTERM', interrupt);
    child.once('error', (error) => {
      print(`${error}\n`);
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

export class StageRun {
  passed = 0;
  failed = 0;
  #notes = [];
  #failures = [];
  #seconds = 0;
  #commands = 0;
  #held = [];
  #own;
  #place;
  #kinds;
  #strays = strayFiles();
  // Short, because unix sockets below it have 108 bytes for their path.
  #scratch = mkdtempSync(path.join(tmpdir(), 'rp-'));

  /** `own`: the OwnNumbers to run in, if any; the caller's to close. */
  constructor(stage, user, own) {
    this.stage = stage;
    this.user = user;
    this.#own = own;
    const tmp = path.join(this.#scratch, 't');
    this.#place =
      user === 'ordinary'
        ? { ...checkoutOfOrdinaryUser(), ...ordinaryHome(this.#scratch) }
        : { cwd: root, node: process.execPath, env: { TMPDIR: tmp }, tmp };
    mkdirSync(this.#place.tmp, { recursive: true });
    this.#kinds = path.join(this.#scratch, 'kinds');
    mkdirSync(this.#kinds);
    chmodSync(this.#kinds, 0o777);
  }

  /** Held back until `show`. */
  print = (data) => {
    if (this.#held) this.#held.push(data);
    else process.stdout.write(data);
  };

  show() {
    const held = this.#held;
    this.#held = undefined;
    for (const data of held) this.print(data);
  }

  /** One after the other, up to the first that fails. */
  async execute(commands) {
    const begin = Date.now();
    if (commands.length === 0) {
      this.print(`The stage ${this.stage.name} has no tests.\n`);
      this.failed++;
    }
    const { cwd, env: own, node, tmp } = this.#place;
    const mark = path.basename(this.#scratch);
    for (const [command, args] of commands) {
      const results = path.join(tmp, `results-${this.#commands++}.json`);
      const program = command === process.execPath ? node : command;
      const local = args.map((arg) => (arg.startsWith(`${root}/`) ? path.join(cwd, path.relative(root, arg)) : arg));
      const theirs = this.user === 'ordinary' ? asOrdinaryUser(program, local) : [program, local];
      const [file, list] = this.#own ? this.#own.inside(cwd, ...theirs) : theirs;
      const env = { ...process.env, ...own, ROLLPOINT_RESULTS: results, ROLLPOINT_KINDS: this.#kinds, [markName]: mark };
      delete env.ROLLPOINT_BUILD_LOCKED;
      const minutes = this.stage.minutes * (process.env.ROLLPOINT_SOAK ? 6 : 1);
      const { code, output } = await execute(file, list, { cwd, env, minutes, print: this.print });
      const { passed, failed, failures = [] } = count(results, output, code);
      this.passed += passed;
      this.failed += failed;
      this.#failures.push(...failures);
      rmSync(results, { force: true });
      for (const { pid, command: left, circumstances } of await processesLeft(mark)) {
        const message = `${pid} ${left} (${circumstances})`;
        this.print(`Left running by ${this.stage.name}: ${message}\n`);
        this.failed++;
        this.#failures.push({ title: 'leaves no process running', message });
      }
      if (failed > 0) break;
    }
    this.#seconds += (Date.now() - begin) / 1000;
  }

  /** `{ user, passed, failed, failures, notes, seconds }`, with what is left in the checkout and in TMPDIR. */
  result() {
    if (this.stage.kinds) keepKinds(this.#kinds, this.user);
    const strays = strayFiles().filter((file) => !this.#strays.includes(file));
    if (strays.length > 0) this.#notes.push(`left in the checkout: ${strays.slice(0, 8).join(' ')}`);
    const files = filesLeft(this.#place.tmp);
    if (files.length > 0) this.#notes.push(`left in TMPDIR: ${files.slice(0, 8).join(' ')}${files.length > 8 ? ' …' : ''}`);
    return { user: this.user, passed: this.passed, failed: this.failed, failures: this.#failures, notes: this.#notes, seconds: this.#seconds };
  }

  dispose() {
    rmSync(this.#scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
