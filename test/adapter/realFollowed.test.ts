// Programs of the system that a shell starts, with the debugger in them: a snapshot in the child, run to its end and to
// the end of the shell, restored into the child and run again, with the same output, exit codes and files each time.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { filesBelow, Rerun, type Result } from '../support/rerun';
import { Sessions } from '../support/sessions';

const turns = process.env['ROLLPOINT_SOAK'] === undefined ? 4 : 40;

describe('real programs that are followed', () => {
  const sessions = new Sessions();
  let rerun: Rerun;
  beforeEach(() => {
    rerun = new Rerun(sessions);
  });
  afterEach(async () => {
    await sessions.end();
    rerun.remove();
  });
  const inFolder = (name: string) => join(rerun.folder, name);

  /** What the child leaves at its end, and what the shell does at its own. */
  async function again(ofChild: RegExp, ofShell: RegExp): Promise<{ child: Result; shell: Result }> {
    const before = filesBelow(rerun.folder);
    const run = async () => ({ child: await rerun.toTheEnd(ofChild), shell: await rerun.toTheEnd(ofShell) });
    const first = await run();
    for (let turn = 1; turn <= turns; ++turn) {
      await rerun.back();
      expect(filesBelow(rerun.folder), `files after rollback ${turn}`).to.deep.equal(before);
      expect(await run(), `run ${turn}: ${rerun.story()}`).to.deep.equal(first);
    }
    expect(rerun.client.output('console')).to.match(/The debugger follows process \d+/);
    await rerun.over(first.shell.code);
    return first;
  }

  it('sqlite3 that sh has started', async () => {
    const sql = [
      'pragma journal_mode=wal; create table t(a integer primary key, b text);',
      'with recursive n(i) as (select 1 union all select i+1 from n where i<3000) insert into t select i, hex(i*7919) from n;',
      'delete from t where a % 3 = 0;',
      "select 'end', count(*), sum(a), sum(length(b)) from t;",
    ].map((text) => `"${text}"`);
    await rerun.toTheMiddle({
      program: '/bin/sh',
      args: ['-c', `/usr/bin/sqlite3 numbers.db ${sql.join(' ')}; echo "the child: $?"; exit 4`],
      followFork: 'child',
      at: 'sqlite3_step',
      isThere: (hit) => hit === 4,
    });
    const { child, shell } = await again(/end\|.*\n$/, /the child: \d+\n$/);
    expect(child.output).to.match(/end\|2000\|/);
    expect(child.code).to.equal(0);
    expect(shell).to.include({ output: 'the child: 0\n', code: 4 });
    const check = execFileSync('/usr/bin/sqlite3', [inFolder('numbers.db'), 'pragma integrity_check; select count(*) from t'], { encoding: 'utf8' });
    expect(check).to.equal('ok\n2000\n');
  });

  it('python3 with threads that bash has started', async () => {
    writeFileSync(
      inFolder('script.py'),
      `
import os, sys, threading
numbers, total, lock = list(map(int, sys.stdin.readline().split())), 0, threading.Lock()
log = open('log.txt', 'w')
def add(number):
    global total
    with lock:
        total += number
        log.write('%d\\n' % number)
def in_threads(numbers):
    for number in numbers:
        thread = threading.Thread(target=add, args=(number,))
        thread.start()
        thread.join()
in_threads(numbers)
log.flush()
os.getsid(0)
in_threads(map(int, sys.stdin.read().split()))
log.close()
print('sum', total, flush=True)
os._exit(total % 50)
`,
    );
    writeFileSync(inFolder('numbers'), `${Array.from({ length: 40 }, (_, i) => i + 1).join(' ')}\n${Array.from({ length: 20 }, (_, i) => i + 41).join('\n')}\n`);
    writeFileSync(inFolder('script.sh'), '/usr/bin/python3 script.py < numbers\necho "the child: $?" > last\nread -r line < last\necho "$line"\nexit 6\n');
    await rerun.toTheMiddle({ program: '/bin/bash', args: ['script.sh'], followFork: 'child', at: 'getsid' });
    const { child, shell } = await again(/sum \d+\n$/, /the child: \d+\n$/);
    expect(child).to.include({ output: 'sum 1830\n', code: 30 });
    expect(shell).to.include({ output: 'the child: 30\n', code: 6 });
    expect(Object.keys(shell.files)).to.include.members(['last', 'log.txt']);
  });
});
