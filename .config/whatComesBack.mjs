// The table "What comes back" of README: filled from the results of test/native/state, or, with --check, compared with
// them. Must not know any kind of state: a row is what a test says of itself (test/support/stateKinds.ts, KindResult).
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { at } from './paths.mjs';

const results = at('test/output/kinds');
const readme = at('README.md');
const begin = '<!-- what comes back: filled by npm run what-comes-back -->';
const end = '<!-- what comes back: end -->';

const words = {
  restored: 'yes',
  privileged: 'with privilege; else told, and left as it is',
  told: 'no: told, and left as it is',
};

function filesIn(folder) {
  return existsSync(folder) ? readdirSync(folder).map((name) => path.join(folder, name)) : [];
}

/** Throws, in words, where there are none, one has failed, or the users' results do not fit together. */
function readResults() {
  const all = filesIn(results).flatMap(filesIn).map((file) => JSON.parse(readFileSync(file, 'utf8')));
  if (all.length === 0) throw new Error('There are no results: run `npm test -- native` first.');
  const failed = all.filter(({ passed }) => !passed);
  if (failed.length > 0) throw new Error(`Not passed: ${failed.map(({ kind, user }) => `${kind} (${user})`).join('; ')}.`);
  const users = [...new Set(all.map(({ user }) => user))];
  const rows = new Map();
  for (const row of all) {
    const { expected, note, test } = rows.get(row.kind) ?? row;
    if (expected !== row.expected || note !== row.note || test !== row.test) {
      throw new Error(`Two tests claim the kind "${row.kind}": ${test} and ${row.test}.`);
    }
    rows.set(row.kind, row);
  }
  for (const [kind, { rootOnly }] of rows) {
    if (rootOnly) continue;
    const missing = users.filter((user) => !all.some((row) => row.kind === kind && row.user === user));
    if (missing.length > 0) throw new Error(`"${kind}" has no result of the user ${missing.join(', ')}.`);
  }
  return [...rows.values()].sort((a, b) => compare(a.test, b.test) || compare(a.kind, b.kind));
}

// Not by locale, which is another one on another machine.
function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function table(rows) {
  const lines = rows.map(({ kind, expected, note, test }) => {
    const answer = words[expected] + (note ? `. ${note}` : '');
    return `| ${cell(kind)} | ${cell(answer)} | [${path.basename(test, '.test.ts')}](${test}) |`;
  });
  return ['| state | comes back | test |', '|---|---|---|', ...lines].join('\n');
}

function main() {
  const text = readFileSync(readme, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`README.md lacks the marks ${begin} and ${end}.`);
  const wanted = `${text.slice(0, from)}${begin}\n${table(readResults())}\n${text.slice(to)}`;
  if (wanted === text) {
    console.log('What comes back: the table of README.md is as the tests found it.');
  } else if (process.argv.includes('--check')) {
    throw new Error('The table "What comes back" in README.md is not what the tests found: run `npm run what-comes-back`.');
  } else {
    writeFileSync(readme, wanted);
    console.log('What comes back: README.md filled anew.');
  }
}

try {
  main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
