// `npm test [-- stage …]`: sets up what is missing, then runs the stages in order and stops at the first that fails.
// The last line is `N passed, N failed` over all stages. `--all` goes on after a failure, `--no-setup` trusts the machine.
// As root a stage may run as two users: beside each other where each can have numbers of its own, their output one after the other.
import { spawnSync } from 'node:child_process';
import { uid } from './ordinaryUser.mjs';
import { OwnNumbers } from './ownNumbers.mjs';
import { root } from './paths.mjs';
import { setup } from './setup.mjs';
import { StageRun, isRoot } from './stageRun.mjs';
import { stages } from './stages.mjs';

const rule = (text) => `\n${'─'.repeat(4)} ${text} ${'─'.repeat(Math.max(4, 90 - text.length))}\n`;

/** True when the table of README says what the tests of all users have found. */
function tableIsTrue() {
  return spawnSync(process.execPath, ['.config/whatComesBack.mjs', '--check'], { cwd: root, stdio: 'inherit' }).status === 0;
}

/** A stage as all its users: `{ user, passed, failed, failures, notes, seconds }` of each. */
async function runStage(stage, users) {
  const own = users.length > 1 ? await Promise.all(users.map(() => OwnNumbers.open())) : [];
  const beside = own.every(Boolean);
  const runs = users.map((user, index) => new StageRun(stage, user, beside ? own[index] : undefined));
  const execute = (run) => run.execute(stage.commands());
  try {
    for (const run of runs) {
      const who = { root: 'as root', ordinary: `as an ordinary user, uid ${uid}`, you: 'as you' }[run.user];
      run.print(rule(`${stage.name}: ${stage.title}, ${who}`));
    }
    const ends = beside ? runs.map(execute) : [];
    for (const [index, run] of runs.entries()) {
      run.show();
      await (ends[index] ?? execute(run));
    }
    return runs.map((run) => run.result());
  } finally {
    await Promise.all(own.map((numbers) => numbers?.close()));
    for (const run of runs) run.dispose();
  }
}

/** What failed, short, where whoever sees only the end of the output finds it. */
function tellFailures(rows) {
  const shown = 12;
  const failures = rows.flatMap(({ stage, user, failures }) => failures.map((failure) => ({ ...failure, where: `${stage.name}, ${user}` })));
  for (const { where, title, message } of failures.slice(0, shown)) {
    const [first, ...rest] = message.split('\n').map((line) => line.trim()).filter(Boolean);
    const place = rest.find((line) => line.includes('test/') && line.startsWith('at ')) ?? '';
    console.log(`failed  (${where}) ${title}\n        ${first?.slice(0, 400)} ${place}`);
  }
  if (failures.length > shown) console.log(`failed  … and ${failures.length - shown} more, see above`);
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
    if (broken && !words.includes('--all')) break;
    for (const result of await runStage(stage, users)) {
      rows.push({ stage, ...result });
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
  tellFailures(rows);
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
