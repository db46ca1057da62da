// The programs that ship with the product, for tests of the adapter. Must not know how they are debugged.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Sample {
  /** Absolute path of the source file. */
  source: string;
  /** 1-based number of the first line that contains `text`. */
  line: (text: string) => number;
  /** Path of the executable, made in `folder`. */
  build: (folder: string) => string;
}

export function sample(name: 'ledger' | 'warehouse'): Sample {
  const source = join(import.meta.dirname, '..', 'sample', `${name}.cpp`);
  return {
    source,
    line: (text) => lineWith(source, text),
    build: (folder) => {
      const program = join(folder, name);
      execFileSync('g++', ['-g', '-O0', '-std=c++20', '-pthread', source, '-o', program]);
      return program;
    },
  };
}

/** 1-based number of the first line of the file that contains `text`. */
export function lineWith(source: string, text: string): number {
  return readFileSync(source, 'utf8').split('\n').findIndex((line) => line.includes(text)) + 1;
}
