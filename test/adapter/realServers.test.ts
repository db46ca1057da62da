// Servers of the system, and a client beside them in the session: a snapshot between two requests, run to the end, rolled
// back and run again, with the same answers and the same files each time.
import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import type { SnapshotInfo } from '../../adapter/protocol';
import { filesBelow, Rerun } from '../support/rerun';
import { Sessions } from '../support/sessions';

const turns = process.env['ROLLPOINT_SOAK'] === undefined ? 5 : 40;

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

describe('real servers, with their files and clients', () => {
  const sessions = new Sessions();
  let rerun: Rerun;
  beforeEach(() => {
    // As root a server's workers are somebody else, who may not look into folders that are root's alone.
    rerun = new Rerun(sessions, process.getuid?.() === 0 ? '/tmp' : tmpdir());
  });
  afterEach(async () => {
    await sessions.end();
    rerun.remove();
  });
  const inFolder = (name: string) => join(rerun.folder, name);

  it('redis-server with an append-only file and its client', async () => {
    // The server under the name by which the tools' package, which starts no service, brings it.
    symlinkSync('/usr/bin/redis-check-rdb', inFolder('redis-server'));
    writeFileSync(
      inFolder('script.py'),
      `
import os, socket, subprocess, sys, time
server = subprocess.Popen(['./redis-server', '--port', '0', '--unixsocket', './s', '--appendonly', 'yes', '--appendfsync', 'always',
                           '--save', '', '--daemonize', 'no', '--enable-debug-command', 'yes'], stdout=subprocess.DEVNULL)
client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
while True:
    try:
        client.connect('./s')
        break
    except OSError:
        if server.poll() is not None: sys.exit('redis-server has ended')
        time.sleep(0.02)
file = client.makefile('rb')
def answer():
    line = file.readline().rstrip()
    if line[:1] in b'+:': return line[1:].decode()
    if line[:1] == b'$':
        size = int(line[1:])
        return None if size < 0 else file.read(size + 2)[:-2].decode()
    if line[:1] == b'*': return [answer() for _ in range(int(line[1:]))]
    raise Exception(line)
def call(*words):
    client.sendall(b'*%d\\r\\n' % len(words) + b''.join(b'$%d\\r\\n%s\\r\\n' % (len(str(w).encode()), str(w).encode()) for w in words))
    return answer()
for i in range(200): call('set', 'key%d' % i, i * i)
call('incr', 'counter')
os.getppid()
for i in range(100, 300): call('append', 'key%d' % i, 'x' * (i % 17))
for i in range(0, 200, 3): call('del', 'key%d' % i)
for i in range(50): call('rpush', 'list', i)
print(call('incr', 'counter'), call('dbsize'), call('llen', 'list'), call('get', 'key100'), call('debug', 'digest'))
sys.stdout.flush()
client.sendall(b'*1\\r\\n$8\\r\\nshutdown\\r\\n')
# Any child: an ordinary user may see it come back under another number.
print('ended with', os.waitstatus_to_exitcode(os.wait()[1]))
sys.stdout.flush()
os._exit(0)
`,
    );
    await rerun.toTheMiddle({ program: '/usr/bin/python3', args: ['script.py'], at: 'getppid' });
    const { output, files } = await rerun.again(turns, /ended with \d+\n$/);
    expect(output).to.match(/^2 \d+ 50 10000x+ \w{40}\nended with 0\n$/);
    expect(Object.keys(files)).to.include('appendonlydir/appendonly.aof.1.incr.aof');
  });

  // Not nginx: its package would start a web server on the machine, now and whenever that starts.
  it('apache2 with forked workers: clients outside get the same answers', async () => {
    const port = await freePort();
    const modules = ['mpm_prefork', 'authz_core', 'alias', 'cgi', 'mime'];
    const script = inFolder('counter.sh');
    writeFileSync(script, '#!/bin/sh\nn=$(cat count 2>/dev/null)\nn=$((n + 1))\necho $n > count\nprintf "Content-Type: text/plain\\n\\ncounted $n\\n"\n', { mode: 0o755 });
    writeFileSync(inFolder('page.txt'), 'a page of the server\n'.repeat(20_000));
    writeFileSync(
      inFolder('httpd.conf'),
      [
        ...modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
        `Listen 127.0.0.1:${port}`,
        `ServerName 127.0.0.1`,
        `ServerRoot ${rerun.folder}`,
        `DocumentRoot ${rerun.folder}`,
        `DefaultRuntimeDir ${rerun.folder}`,
        // As root it would look for a user to become.
        'User #65534',
        'Group #65534',
        'PidFile pid',
        'ErrorLog error.log',
        'LogFormat "%r %>s %B" short',
        'CustomLog access.log short',
        // As many workers all the time, so that none comes or goes while nobody asks.
        'StartServers 3\nMinSpareServers 1\nMaxSpareServers 10\nMaxRequestWorkers 3\nServerLimit 3',
        'TypesConfig /dev/null',
        `ScriptAlias /counter ${script}`,
        `<Directory ${rerun.folder}>\nRequire all granted\n</Directory>`,
      ].join('\n') + '\n',
    );
    chmodSync(rerun.folder, 0o777);
    const client = sessions.connect();
    await client.launch({ program: '/usr/sbin/apache2', args: ['-DFOREGROUND', '-f', inFolder('httpd.conf')], cwd: rerun.folder, snapshots: { auto: 'off' } });
    await client.configurationDone();
    const ask = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
      const text = await answer.text();
      return `${answer.status} ${text.length > 1000 ? createHash('sha256').update(text).digest('hex') : text}`;
    };
    /** Written after the answer, and by several workers: in any order. */
    const log = async (lines: number) => {
      for (;;) {
        const text = readFileSync(inFolder('access.log'), 'utf8');
        if (text.split('\n').length > lines) return text.split('\n').sort();
        await setTimeout(5);
      }
    };
    const pause = async (threadId: number) => {
      await client.request('pause', { threadId });
      return client.stopped('pause');
    };
    while (!(await ask('/page.txt').catch(() => ''))) await setTimeout(20);
    expect(await ask('/counter')).to.equal('200 counted 1\n');

    const logged = (await log(2)).length - 1;

    let { threadId } = await pause(1);
    const { snapshot } = await client.request<{ snapshot: SnapshotInfo }>('rollpoint/takeSnapshot', { label: 'middle' });
    const before = filesBelow(rerun.folder);
    const paths = ['/counter', '/page.txt', '/nothing', '/counter', '/page.txt', '/counter'];
    const round = async () => {
      await client.request('continue', { threadId });
      const answers = [];
      for (const path of paths) answers.push(await ask(path));
      const lines = await log(logged + paths.length);
      ({ threadId } = await pause(threadId));
      return { answers, lines, files: filesBelow(rerun.folder, /(error|access)\.log$/) };
    };
    const first = await round();
    expect(first.answers.filter((answer) => answer.startsWith('200 counted'))).to.deep.equal(['200 counted 2\n', '200 counted 3\n', '200 counted 4\n']);
    expect(first.answers[2]).to.match(/^404 /);
    for (let turn = 1; turn <= turns; ++turn) {
      await client.request('rollpoint/restoreSnapshot', { id: snapshot.id });
      ({ threadId } = await client.stopped('goto'));
      expect(filesBelow(rerun.folder), `files after rollback ${turn}`).to.deep.equal(before);
      expect(await round(), `round ${turn}`).to.deep.equal(first);
    }
  });
});
