// Programs of the system that keep their work in files and run others beside themselves: a snapshot in the middle, run
// to the end, rolled back and run again, with the same output, exit code and files each time.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Rerun } from '../support/rerun';
import { Sessions } from '../support/sessions';

const turns = process.env['ROLLPOINT_SOAK'] === undefined ? 4 : 40;

describe('real programs, with their files and children', () => {
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

  it('sqlite3 writing to a database in WAL mode', async () => {
    const insert = (from: number) =>
      `with recursive n(i) as (select ${from} union all select i+1 from n where i<${from + 1500}) insert into t select i, hex(i*7919) from n;`;
    const sql = [
      'pragma journal_mode=wal; pragma wal_autocheckpoint=20;',
      'create table t(a integer primary key, b text); create index x on t(b);',
      ...Array.from({ length: 12 }, (_, i) => insert(i * 2000)),
      'delete from t where a % 3 = 0; update t set b = b || a where a % 5 = 0;',
      'pragma wal_checkpoint(full);',
      'begin; insert into t values (-1, 1); rollback;',
      insert(100_000),
      "select 'end', count(*), sum(a), sum(length(b)) from t;",
    ];
    await rerun.toTheMiddle({ program: '/usr/bin/sqlite3', args: ['numbers.db', ...sql], at: 'sqlite3_step', isThere: (hit) => hit === 9 });
    const { output, code, files } = await rerun.again(turns, /end\|.*\n$/);
    expect(output).to.match(/end\|\d{5}\|/);
    expect(code).to.equal(0);
    expect(Object.keys(files)).to.include('numbers.db');
    const check = execFileSync('/usr/bin/sqlite3', [inFolder('numbers.db'), 'pragma integrity_check; select count(*) from t'], { encoding: 'utf8' });
    expect(check).to.match(/^ok\n\d{5}\n$/);
  });

  it('python3 with a subprocess, threads and a temporary file', async () => {
    writeFileSync(
      inFolder('script.py'),
      `
import hashlib, os, queue, subprocess, sys, tempfile, threading
sorter = subprocess.Popen(['/usr/bin/sort', '-n'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
scratch = tempfile.NamedTemporaryFile(dir='.', prefix='scratch-', delete=True)
log = open('log.txt', 'w')
jobs, results, lock = queue.Queue(), {}, threading.Lock()
def work():
    while True:
        job = jobs.get()
        if job is None: return
        digest = hashlib.sha256(str(job).encode()).hexdigest()[:8]
        with lock:
            results[job] = digest
            scratch.write((digest + '\\n').encode())
        jobs.task_done()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for job in range(50): jobs.put(job)
jobs.join()
scratch.flush()
log.write('first half\\n')
log.flush()
sorter.stdin.write('30\\n10\\n')
sorter.stdin.flush()
os.getppid()
for job in range(50, 120): jobs.put(job)
jobs.join()
for thread in threads: jobs.put(None)
for thread in threads: thread.join()
log.write('second half\\n')
log.close()
text, _ = sorter.communicate('20\\n5\\n')
scratch.flush()
size = os.stat(scratch.name).st_size
scratch.close()
# While a vfork goes on no breakpoint stands, and a thread that ends then is not caught: without privilege it is gone.
subprocess._USE_VFORK = False
late = subprocess.run(['/bin/sh', '-c', 'echo late; exit 3'], stdout=subprocess.PIPE, text=True)
print(text.split(), size, late.stdout.strip(), late.returncode, hashlib.sha256(repr(sorted(results.items())).encode()).hexdigest())
sys.stdout.flush()
os._exit(7)
`,
    );
    await rerun.toTheMiddle({ program: '/usr/bin/python3', args: ['script.py'], at: 'getppid' });
    const { output, code, files } = await rerun.again(turns, /\n$/);
    expect(output).to.match(/^\['5', '10', '20', '30'\] 1080 late 3 \w{64}\n$/);
    expect(code).to.equal(7);
    expect(Object.keys(files)).to.have.members(['script.py', 'log.txt']);
  });

  it('bash running a script with pipes and children', async () => {
    writeFileSync(
      inFolder('script.sh'),
      `
seq 1 2000 > numbers
coproc reader { while read -r line; do echo "got $line"; done; }
echo early >&"\${reader[1]}"
read -r answer <&"\${reader[0]}"
exec 7<numbers
read -r first <&7
umask 022
sum=$(tail -n +2 numbers | awk '{ s += $1 } END { print s }')
read -r second <&7
echo "late" >&"\${reader[1]}"
read -r late <&"\${reader[0]}"
exec {reader[1]}>&-
sort -rn numbers | head -3 > top
mkdir sub && mv top sub/ && rm numbers
(sleep 0.05; echo background >> sub/top) & wait $!
wait
echo "$answer/$first/$sum/$second/$late/$(cat sub/top | tr '\\n' ' ')"
exit 5
`,
    );
    await rerun.toTheMiddle({ program: '/bin/bash', args: ['script.sh'], at: 'umask_builtin' });
    const { output, code, files } = await rerun.again(turns, /\n$/);
    expect(output).to.equal('got early/1/2000999/2/got late/2000 1999 1998 background \n');
    expect(code).to.equal(5);
    expect(Object.keys(files)).to.have.members(['script.sh', 'sub/top']);
  });

  it('git committing into a repository', async () => {
    const env = {
      HOME: rerun.folder,
      GIT_CONFIG_NOSYSTEM: '1',
      ...Object.fromEntries(['AUTHOR', 'COMMITTER'].flatMap((who) => [[`GIT_${who}_NAME`, 'A'], [`GIT_${who}_EMAIL`, 'a@example.org'], [`GIT_${who}_DATE`, '2024-01-02T03:04:05Z']])),
    };
    const git = (...args: string[]) => execFileSync('git', args, { cwd: rerun.folder, env: { ...process.env, ...env }, encoding: 'utf8' });
    git('init', '-q', '-b', 'main', '.');
    mkdirSync(inFolder('source'));
    for (let i = 0; i < 30; ++i) {
      writeFileSync(inFolder(`source/${i}.txt`), `file ${i}\n`.repeat(50 * i + 1));
    }
    git('add', '.');
    git('commit', '-q', '-m', 'first');
    for (let i = 0; i < 30; i += 2) {
      writeFileSync(inFolder(`source/${i}.txt`), `changed ${i}\n`.repeat(i + 1));
    }
    // The index holds times and inodes of files that the commit itself makes.
    await rerun.toTheMiddle({
      program: '/usr/bin/git',
      args: ['commit', '-q', '-a', '-m', 'second'],
      env,
      at: 'rename',
      isThere: (hit) => hit === 1,
      except: /^\.git\/index$/,
    });
    const { code, files } = await rerun.again(turns, /^/);
    expect(code).to.equal(0);
    expect(Object.keys(files)).to.include('.git/COMMIT_EDITMSG');
    expect(git('log', '--format=%s')).to.equal('second\nfirst\n');
    expect(git('fsck', '--strict')).to.equal('');
    expect(git('status', '--porcelain')).to.equal('');
  });

  it('make -j2 building a small project', async () => {
    const names = ['alpha', 'beta', 'epsilon', 'delta', 'main'];
    for (const name of names.slice(0, -1)) {
      writeFileSync(inFolder(`${name}.c`), `#include <stdio.h>\nint ${name}(int x) { printf("${name} %d\\n", x); return x + 1; }\n`);
    }
    const calls = names.slice(0, -1).map((name) => `x = ${name}(x);`);
    writeFileSync(inFolder('main.c'), `${names.slice(0, -1).map((name) => `int ${name}(int);`).join('\n')}\nint main(void) { int x = 1; ${calls.join(' ')} return x; }\n`);
    const objects = names.map((name) => `${name}.o`).join(' ');
    writeFileSync(
      inFolder('Makefile'),
      `program: ${objects}\n\tgcc -o $@ ${objects}\n%.o: %.c\n\t@echo begin $@ >> $@.log\n\t@gcc -O2 -c $< -o $@\n\t@echo end $@ >> $@.log\n`,
    );
    // The files of a compiler cache have times in them.
    const env = { CCACHE_DISABLE: '1' };
    await rerun.toTheMiddle({ program: '/usr/bin/make', args: ['-j2', 'TMPDIR=.'], env, at: 'waitpid', isThere: (hit) => hit === 4 });
    const { code, files } = await rerun.again(turns, /^/);
    expect(code).to.equal(0);
    expect(Object.keys(files)).to.include.members(['program', 'alpha.o']);
    expect(() => execFileSync(inFolder('program'))).to.throw().with.property('status', 5);
  });
});
