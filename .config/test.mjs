// `npm test [-- stage …]`: sets up what is missing, then runs the stages in order and stops at the first that fails.
// The last line is `N passed, N failed` over all stages. `--all` goes on after a failure, `--no-setup` trusts the machine.
// As root a stage may run as two users: beside each other, their output one after the other.
import { spawnSync } from 'node:child_process';
import { uid } from './ordinaryUser.mjs';
import { root } from './paths.mjs';
import { setup } from './setup.mjs';
import { StageRun, isRoot } from './stageRun.mjs';
import { stages } from './stages.mjs';

const rule = (text) => `\n${'─'.repeat(4)} ${text} ${'─'.repeat(Math.max(4, 90 - text.length))}\n`;

/** True when the table of README says what the tests of all users have found. */
function tableIsTrue() {
  return spawnSync(process.execPath, ['.config/whatComesBack.mjs', '--check'], { cwd: root, stdio: 'inherit' }).status === 0;
}

/** A stage as all its users: `{ user, passed, failed, notes, seconds }` of each. */
async function runStage(stage, users) {
  const runs = users.map((user) => new StageRun(stage, user));
  try {
    for (const run of runs) {
      const who = { root: 'as root', ordinary: `as an ordinary user, uid ${uid}`, you: 'as you' }[run.user];
      run.print(rule(`${stage.name}: ${stage.title}, ${who}`));
    }
    const ends = runs.map((run) => run.execute(stage.commands()));
    for (const [index, run] of runs.entries()) {
      run.show();
      await ends[index];
    }
    for (const run of runs) {
      if (stage.apart && runs.every(({ failed }) => failed === 0)) await run.execute(stage.apart());
    }
    return runs.map((run) => run.result());
  } finally {
    for (const run of runs) run.dispose();
  }
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
