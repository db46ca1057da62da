// Where the debuggees are, their sources, and the lines that their `@markers` stand on.
// Must not know how they are debugged.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', 'debuggees');

/** A RUSTUP_HOME that any user can read, with the pretty-printers of the toolchain alone. */
export const rustupHome = join(folder, 'build', 'rustup');

export interface Debuggee {
  /** Absolute path of the executable. */
  program: string;
  /** Absolute path of the source file. */
  source: string;
  /** 1-based line of a marker such as `@tick`. Throws when the source has none, or two. */
  line(marker: string): number;
  /** Address of a symbol as the file has it: relative to the load address for a position-independent program. */
  symbol(name: string): bigint;
}

const extensions = ['.cpp', '.c', '.rs'];

/** Throws when there is no such debuggee, or it has not been built. */
export function debuggee(name: string): Debuggee {
  const source = extensions.map((extension) => join(folder, name + extension)).find((path) => existsSync(path));
  if (!source) {
    throw new Error(`There is no debuggee ${name} in ${folder}.`);
  }
  const program = join(folder, 'build', name);
  if (!existsSync(program)) {
    throw new Error(`The debuggee ${name} is not built: run node test/debuggees/build.mjs.`);
  }
  return { program, source, line: (marker) => lineOf(source, marker), symbol: (symbol) => symbolOf(program, symbol) };
}

function lineOf(source: string, marker: string): number {
  const pattern = new RegExp(`//.*${marker}(?!\\w)`);
  const lines = readFileSync(source, 'utf8')
    .split('\n')
    .flatMap((line, index) => (pattern.test(line) ? [index + 1] : []));
  if (lines.length !== 1) {
    throw new Error(`${source} has ${lines.length} markers ${marker}; one is needed.`);
  }
  return lines[0]!;
}

/** By program: nm takes longer than a launch, and programs stay as they are while tests run. */
const symbols = new Map<string, ReadonlyMap<string, bigint>>();

function readSymbols(program: string): ReadonlyMap<string, bigint> {
  const listing = execFileSync('nm', ['--defined-only', program], { encoding: 'utf8', maxBuffer: 1 << 26 });
  return new Map(
    [...listing.matchAll(/^([0-9a-f]+) \S (.+)$/gm)].map(([, address, name]) => [name!, BigInt(`0x${address}`)] as const).reverse(),
  );
}

function symbolOf(program: string, name: string): bigint {
  let known = symbols.get(program);
  if (!known) symbols.set(program, (known = readSymbols(program)));
  const address = known.get(name);
  if (address === undefined) throw new Error(`${program} has no symbol ${name}.`);
  return address;
}
