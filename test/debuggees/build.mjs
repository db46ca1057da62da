// Builds the debuggees of the tests into test/debuggees/build/, each only when its source is newer.
// Must not know what they are debugged for. Rust programs are built where rustc exists; the tests need it too.
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, extname, join, parse } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const folder = dirname(fileURLToPath(import.meta.url));
const output = join(folder, 'build');

/** rustup puts rustc where a login shell finds it, which the shell of a test run often is not. */
function findRustc() {
  const inHome = join(homedir(), '.cargo', 'bin', 'rustc');
  return existsSync(inHome) ? inHome : 'rustc';
}

/** What a source asks for itself, in a line `// @flags …`. */
function flagsOf(source) {
  return /^\/\/ @flags (.+)$/m.exec(readFileSync(source, 'utf8'))?.[1].split(' ') ?? [];
}

const compilers = {
  '.c': (source, target) => ['gcc', ['-g', '-O0', '-pthread', '-o', target, source, ...flagsOf(source)]],
  '.cpp': (source, target) => ['g++', ['-std=c++17', '-g', '-O0', '-pthread', '-Wall', '-Wextra', '-o', target, source]],
  // A freestanding program of 32 bits: the assembler and the linker of every x86-64 machine make one.
  '.s': (source, target) => ['sh', ['-c', 'as --32 -o "$2.o" "$1" && ld -m elf_i386 -o "$2" "$2.o"; result=$?; rm -f "$2.o"; exit $result', 'sh', source, target]],
  '.rs': (source, target) => [findRustc(), ['-g', '-C', 'opt-level=0', '-o', target, source]],
};

/** Few enough that a change of one may rebuild all. */
function headers() {
  return readdirSync(folder).filter((name) => extname(name) === '.h').map((name) => join(folder, name));
}

async function build(file) {
  const source = join(folder, file);
  const target = join(output, parse(file).name);
  const included = [...readFileSync(source, 'utf8').matchAll(/^#include "(.+\.c)"$/gm)].map((match) => join(folder, match[1]));
  const newest = Math.max(...[source, fileURLToPath(import.meta.url), ...included, ...headers()].map((path) => statSync(path).mtimeMs));
  if (existsSync(target) && statSync(target).mtimeMs >= newest) {
    return;
  }
  // Under another name first: a build that is cut off must not leave half a program that looks new.
  const unfinished = `${target}.${process.pid}.new`;
  const [compiler, args] = compilers[extname(file)](source, unfinished);
  try {
    await run(compiler, args);
  } catch (error) {
    if (error.code === 'ENOENT' && extname(file) === '.rs') {
      console.log(`debuggees: no rustc, ${file} is left out`);
      return;
    }
    throw new Error(`${compiler} ${args.join(' ')}\n${error.stderr || error.message}`);
  }
  renameSync(unfinished, target);
  console.log(`debuggees: built ${parse(file).name}`);
}

/** Builds what is out of date. Rejects with the compiler's message. */
export async function buildDebuggees() {
  mkdirSync(output, { recursive: true });
  for (const file of readdirSync(folder).filter((name) => extname(name) in compilers)) {
    await build(file);
  }
  await copyRustPrinters();
}

/**
 * The printers of the Rust toolchain as a RUSTUP_HOME in `output`: an ordinary user of the tests cannot read the
 * toolchain of root.
 */
async function copyRustPrinters() {
  const target = join(output, 'rustup', 'toolchains', 'copy', 'lib', 'rustlib', 'etc');
  if (existsSync(target)) {
    return;
  }
  const { stdout } = await run(findRustc(), ['--print', 'sysroot']).catch(() => ({ stdout: '' }));
  const source = join(stdout.trim(), 'lib', 'rustlib', 'etc');
  if (stdout && existsSync(source)) {
    cpSync(source, target, { recursive: true });
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await buildDebuggees();
}
