// Compiles the C++ unit tests twice, plain and with the address and undefined-behaviour sanitizers, and runs them.
// Ends with `N passed, N failed`; `--bench` runs the measurements of bench.cc instead.
// Knows nothing of the addon: the parts tested here need no Node.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const source = path.join(here, '../../../native/src');
const output = path.join(here, '../../../native/build/unit');
const compiler = process.env.CXX ?? 'g++';
const flags = ['-std=c++20', '-g', '-pthread', '-Wall', '-Wextra', '-Werror', '-I', source, '-I', here];
const variants = { plain: ['-O2'], sanitized: ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'] };

const filesIn = (folder, end) => readdirSync(folder).filter((name) => name.endsWith(end)).map((name) => path.join(folder, name));
const units = [...filesIn(path.join(source, 'memory'), '.cc'), ...filesIn(path.join(source, 'util'), '.cc')];
const headers = [...filesIn(path.join(source, 'memory'), '.h'), ...filesIn(path.join(source, 'util'), '.h'), ...filesIn(here, '.h')];
const changed = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const newestHeader = Math.max(...headers.map(changed));

/** Resolves with the output and the exit code or signal of a command; tests that hang are ended. */
function run(command, args, minutes) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: minutes * 60_000, killSignal: 'SIGKILL' });
    let text = '';
    child.stdout.on('data', (data) => (text += data));
    child.stderr.on('data', (data) => (text += data));
    child.on('error', (error) => resolve({ text: `${command}: ${error.message}\n`, failure: 'not started' }));
    child.on('close', (code, signal) => resolve({ text, failure: signal ?? (code === 0 ? null : `exit code ${code}`) }));
  });
}

/** Runs the jobs two at a time. */
async function twoAtATime(jobs) {
  const next = jobs.values();
  const worker = async () => {
    for (const job of next) await job();
  };
  await Promise.all([worker(), worker()]);
}

/** Runs the compiler; its output appears under its name only when whole, since two runs may share the folder. */
async function compile(args, result) {
  const partial = `${result}.${process.pid}`;
  const { text, failure } = await run(compiler, [...args, '-o', partial], 5);
  process.stdout.write(text);
  if (failure) throw new Error(`${compiler} for ${result}: ${failure}`);
  renameSync(partial, result);
}

/** Compiles what is older than its source or any header; returns the path of the executable of each test. */
async function build(tests, variant) {
  const folder = path.join(output, variant);
  mkdirSync(folder, { recursive: true });
  const object = (file) => path.join(folder, `${path.basename(file, '.cc')}.o`);
  const outdated = [...units, ...tests].filter((file) => changed(object(file)) <= Math.max(changed(file), newestHeader));
  await twoAtATime(outdated.map((file) => () => compile([...flags, ...variants[variant], '-c', file], object(file))));
  const programs = tests.map((file) => object(file).slice(0, -2));
  await twoAtATime(
    programs.map((program) => () => compile([...variants[variant], '-pthread', `${program}.o`, ...units.map(object)], program)),
  );
  return programs;
}

async function main() {
  if (process.argv.includes('--bench')) {
    const [program] = await build([path.join(here, 'bench.cc')], 'plain');
    process.stdout.write((await run(program, [], 5)).text);
    return;
  }
  let passed = 0;
  let failed = 0;
  for (const variant of Object.keys(variants)) {
    for (const program of await build(filesIn(here, '_test.cc'), variant)) {
      const { text, failure } = await run(program, [], 5);
      process.stdout.write(text.replace(/^ok /gm, `ok ${variant}: `));
      passed += text.match(/^ok /gm)?.length ?? 0;
      if (failure) {
        failed += 1;
        console.log(`FAILED ${variant}: ${path.basename(program)}: ${failure}`);
      }
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

await main();
