// Servers of the system, and a client beside them in the session: a snapshot between two requests, run to the end, rolled
// back and run again, with the same answers and the same files each time.
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Rerun } from '../support/rerun';
import { Sessions } from '../support/sessions';

const turns = process.env['ROLLPOINT_SOAK'] === undefined ? 5 : 40;

describe('real servers, with their files and clients', () => {
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
});
