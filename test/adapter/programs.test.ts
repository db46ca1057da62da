// Programs of the system that nobody here wrote, without debug information: a snapshot in the middle, run to the end,
// rolled back, and run to the end again five times, with the same output and the same exit code each time.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { SnapshotInfo, SnapshotList } from '../../adapter/protocol';
import type { DapClient, ThreadStop } from '../support/dapClient';
import { Sessions } from '../support/sessions';

const sqlite = '/usr/bin/sqlite3';
const xz = '/usr/bin/xz';
const zstd = '/usr/bin/zstd';
const python = '/usr/bin/python3';

describe('programs of the system', () => {
  const sessions = new Sessions();
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rollpoint-programs-'));
  });
  afterEach(async () => {
    await sessions.end();
    rmSync(folder, { recursive: true });
  });

  /** Started and stopped at the function `at`, at the first hit for which `isThere` says so. */
  async function middle(program: string, args: string[], at: string, isThere: (hit: number) => boolean) {
    const client = sessions.connect();
    await client.launch({ program, args, cwd: folder, snapshots: { auto: 'off' } });
    await client.request('setFunctionBreakpoints', { breakpoints: [{ name: at }] });
    await client.configurationDone();
    let stop = await client.stopped('function breakpoint');
    for (let hit = 1; !isThere(hit); ++hit) {
      await client.request('continue', { threadId: stop.threadId });
      stop = await client.stopped('function breakpoint');
    }
    expect((await client.top(stop.threadId)).name).to.contain(at);
    const { snapshot } = await client.request<{ snapshot: SnapshotInfo }>('rollpoint/takeSnapshot', { label: 'middle' });
    return { client, stop, snapshot };
  }

  /** From here to `_exit`, where the program still lives: what it wrote on the way, and the exit code it is about to give. */
  async function toTheEnd(client: DapClient, stop: ThreadStop, lastOutput: RegExp) {
    const begin = client.output('stdout').length;
    await client.request('continue', { threadId: stop.threadId });
    const end = await client.stopped('function breakpoint');
    const written = () => client.output('stdout').slice(begin);
    while (!lastOutput.test(written())) {
      await client.event('output');
    }
    return { output: written(), code: Number(await client.evaluate('$edi', end.threadId)), end };
  }

  async function sixTimes(
    { client, stop, snapshot }: Awaited<ReturnType<typeof middle>>,
    lastOutput: RegExp,
    onEachEnd: () => unknown = () => undefined,
    onEachReturn: () => void = () => undefined,
  ) {
    await client.request('setFunctionBreakpoints', { breakpoints: [{ name: '_exit' }] });
    const first = await toTheEnd(client, stop, lastOutput);
    const result = onEachEnd();
    let { end } = first;
    for (let turn = 1; turn <= 5; ++turn) {
      await client.request('rollpoint/restoreSnapshot', { id: snapshot.id });
      const back = await client.stopped('goto');
      expect(back.description).to.equal(`Restored snapshot ${snapshot.id}`);
      onEachReturn();
      const again = await toTheEnd(client, back, lastOutput);
      expect([again.output, again.code], `turn ${turn}: ${client.output('stderr')}`).to.deep.equal([first.output, first.code]);
      expect(onEachEnd(), `result of turn ${turn}`).to.deep.equal(result);
      end = again.end;
    }
    await client.request('continue', { threadId: end.threadId });
    expect(await client.exitCode()).to.equal(first.code);
    return first;
  }

  /** Reproducible text that compresses neither to nothing nor not at all. */
  function someText(megabytes: number): string {
    const path = join(folder, 'input');
    const words = Array.from({ length: 500 }, (_, i) => createHash('md5').update(String(i)).digest('hex').slice(0, 3 + (i % 9)));
    let state = 1;
    let text = '';
    while (text.length < megabytes << 20) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      text += words[(state >>> 8) % words.length] + ((state >>> 20) % 11 === 0 ? '\n' : ' ');
    }
    writeFileSync(path, text);
    return path;
  }
  const digestOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

  it('sqlite3 filling and querying a database in memory', async () => {
    const sql = [
      'create table t(a integer primary key, b text);',
      "with recursive n(i) as (select 1 union all select i+1 from n where i<20000) insert into t select i, hex(i*7919) from n;",
      'create index x on t(b);',
      'select count(*), sum(a), min(b), max(b) from t;',
      "select a from t where b like '39%' order by b limit 3;",
      "select 'end', sum(length(b)) from t;",
    ];
    const at = await middle(sqlite, [':memory:', ...sql], 'sqlite3_step', (hit) => hit === 5);
    const { output, code } = await sixTimes(at, /end\|\d+\n$/);
    expect(output).to.match(/^20000\|200010000\|/);
    expect(code).to.equal(0);
  });

  it('sqlite3 querying the database file that it has just filled', async () => {
    const file = join(folder, 'numbers.db');
    const fill = "create table t(a, b); with recursive n(i) as (select 1 union all select i+1 from n where i<5000) insert into t select i, i%17 from n;";
    const query = 'select b, count(*), sum(a) from t group by b order by b limit 4; select sum(a*b) from t;';
    const filled = () => existsSync(file) && statSync(file).size > 40_000 && !existsSync(`${file}-journal`);
    const at = await middle(sqlite, [file, fill, query, "select 'end', count(*) from t;"], 'sqlite3_step', filled);
    const { output } = await sixTimes(at, /end\|5000\n$/, () => digestOf(file));
    expect(output).to.match(/0\|294\|737205\n/);
    expect(execFileSync(sqlite, [file, 'pragma integrity_check'], { encoding: 'utf8' })).to.equal('ok\n');
  });

  for (const { name, program, args, at, suffix, back } of [
    { name: 'xz -T2', program: xz, args: ['-T2', '-1', '--block-size=512KiB', '-k', '-v'], at: 'lzma_code', suffix: '.xz', back: ['-dc'] },
    { name: 'zstd -T2', program: zstd, args: ['-T2', '-9', '-B1M', '-q'], at: 'fread', suffix: '.zst', back: ['-dc'] },
  ]) {
    it(`${name} compressing a few megabytes`, async () => {
      const input = someText(4);
      const output = input + suffix;
      const point = await middle(program, [...args, input], at, (hit) => hit === 30);
      const content = () => (existsSync(output) ? digestOf(output) : 'none');
      const before = content();
      const { code } = await sixTimes(point, /^/, content, () => expect(content(), 'after the rollback').to.equal(before));
      expect(content()).not.to.equal(before);
      expect(code).to.equal(0);
      const unpacked = execFileSync(program, [...back, output], { maxBuffer: 64 << 20 });
      expect(unpacked.equals(readFileSync(input))).to.equal(true);
    });
  }

  it('python3 running a threaded script', async () => {
    const script = join(folder, 'script.py');
    writeFileSync(
      script,
      `
import hashlib, os, queue, sys, threading, time
jobs, results = queue.Queue(), {}
lock = threading.Lock()
def work():
    while True:
        job = jobs.get()
        if job is None:
            return
        digest = str(job).encode()
        for _ in range(200):
            digest = hashlib.sha256(digest).digest()
        time.sleep(0.001)
        with lock:
            results[job] = digest.hex()[:8]
        jobs.task_done()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for job in range(40): jobs.put(job)
jobs.join()
for job in range(40, 100): jobs.put(job)
os.getppid()
jobs.join()
for thread in threads: jobs.put(None)
for thread in threads: thread.join()
print(len(results), hashlib.sha256(repr(sorted(results.items())).encode()).hexdigest())
sys.stdout.flush()
sys.exit(7)
`,
    );
    const at = await middle(python, [script], 'getppid', () => true);
    const { threads } = await at.client.request<{ threads: unknown[] }>('threads');
    expect(threads).to.have.length(5);
    const { output, code } = await sixTimes(at, /\n$/);
    expect(output).to.match(/^100 \w{64}\n$/);
    expect(code).to.equal(7);
    const { snapshots } = await at.client.request<SnapshotList>('rollpoint/listSnapshots').catch(() => ({ snapshots: [] }));
    expect(snapshots.filter(({ reason }) => reason === 'manual').length).to.be.lessThan(2);
  });
});
