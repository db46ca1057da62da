// Plain gdb debugs a program through rollpoint-server: everything but snapshots.
import { expect } from 'chai';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { at, cleanUp, debug, eachLine, gdb, scratch, Server, serverProgram, shapes } from './support';

const processor = readFileSync('/proc/cpuinfo', 'utf8');

describe('rollpoint-server with plain gdb', () => {
  before(() => void shapes());
  after(cleanUp);

  it('runs to a breakpoint and to the end; gdb and server tell the exit code', async () => {
    const run = await debug([], [`break ${at('end')}`, 'continue', 'print ticks', 'continue']);
    expect(run.gdb).to.match(/Breakpoint 1, main/);
    expect(run.gdb).to.include('$1 = 5');
    expect(run.gdb).to.match(/exited with code 051\]/);
    expect(run.server).to.match(/Process \/.*shapes created; pid = \d+/);
    expect(run.server).to.match(/Remote debugging from host 127\.0\.0\.1, port \d+/);
    expect(run.server).to.include('Child exited with status 41');
    expect(run.server).to.include('ticks 5, total 15, hello, world');
    expect(run.code).to.equal(0);
  });

  it('steps over a breakpoint, into, over and out of functions', async () => {
    const run = await debug([], ['break tick', 'continue', 'next', 'print ticks', 'continue', 'finish', 'info breakpoints', 'delete', 'step', 'stepi', 'next']);
    expect(run.gdb).to.include('$1 = 1');
    expect(run.gdb).to.match(/Value returned is \$2 = 2/);
    expect(run.gdb).to.include('breakpoint already hit 2 times');
  });

  it('needs few packets for a next: range steps stay in the server', async () => {
    const run = await debug(
      [],
      [`break ${at('tick')}`, 'continue', 'next', 'set debug remote 1', 'next', 'set debug remote 0'],
    );
    const resumes = run.gdb.match(/Sending packet: \$vCont;/g) ?? [];
    expect(resumes.length).to.be.greaterThan(0).and.lessThan(6);
  });

  it('watches memory by hardware: old value, new value, in any thread', async () => {
    const run = await debug(['threads'], ['break main', 'continue', 'watch ticks', 'continue', 'continue', 'continue', 'info watchpoints']);
    expect(run.gdb).to.match(/Hardware watchpoint 2: ticks\n\nOld value = 0\nNew value = [123]\n/);
    expect(run.gdb).to.match(/New value = 6\n/);
    expect(run.gdb).to.include('breakpoint already hit 3 times');
  });

  it('stops on a read with rwatch and awatch', async () => {
    const run = await debug([], ['break main', 'continue', 'awatch total', 'continue', 'delete', 'rwatch ticks', 'continue']);
    expect(run.gdb).to.match(/Hardware access \(read\/write\) watchpoint 2: total/);
    expect(run.gdb).to.match(/Hardware read watchpoint 3: ticks\n\nValue = \d/);
  });

  it('shows all threads, their stacks and their thread-locals', async () => {
    const run = await debug(['threads'], ['break tick', 'continue', 'thread apply all backtrace', 'info threads', 'print depth']);
    expect(run.gdb.match(/^#\d+ .* main \(/gm)).to.have.length(1);
    expect(run.gdb).to.match(/worker \(number=[123]\)/);
    expect(run.gdb).to.match(/\* [234] +Thread .*"shapes" tick/);
    expect(run.gdb).to.match(/\$1 = 10[123]/);
  });

  it('reads and writes variables, memory and registers', async () => {
    const run = await debug([], [
      'break tick', 'continue',
      'print greeting._M_dataplus._M_p', 'set var ticks = 41', 'next', 'print ticks',
      'print $rip', 'set var $rax = 0x1122334455667788', 'print/x $rax', 'print $eflags', 'print $mxcsr',
      'find &greeting, +sizeof(greeting), (char)12', 'delete', 'print tick(100)', 'info registers fs_base', 'print $st0', 'print $fctrl', 'print $ftag',
    ]);
    expect(run.gdb).to.match(/\$1 = .* "hello, world"/);
    expect(run.gdb).to.include('$2 = 42');
    expect(run.gdb).to.match(/\$3 = \(void \(\*\)\(void\)\) 0x[0-9a-f]+ <tick/);
    expect(run.gdb).to.include('$4 = 0x1122334455667788');
    expect(run.gdb).to.match(/\$5 = \[.*IF.*\]/);
    expect(run.gdb).to.match(/\$6 = \[ IM DM ZM OM UM PM \]/);
    expect(run.gdb).to.include('1 pattern found');
    expect(run.gdb).to.match(/^fs_base +0x[1-9a-f]/m);
    expect(run.gdb).to.include('$7 = 142');
    expect(run.gdb).to.include('$8 = 0\n$9 = 895\n$10 = 65535\n');
  });

  it('shows and sets vector registers as wide as the processor has them', async () => {
    const wide = /\bavx512f\b/.test(processor);
    const run = await debug(['vectors'], [
      `break ${at('vectors')}`, 'continue', 'print $ymm7.v8_float', 'set var $ymm7.v8_float[6] = 70', 'print $ymm7.v8_float', 'stepi', 'print $ymm7.v8_float',
      ...(wide ? ['set var $zmm20.v16_int32[15] = 99', 'set var $k3 = 5', 'stepi', 'print $zmm20.v16_int32', 'print $k3', 'info registers all'] : []),
    ]);
    expect(run.gdb).to.include('$1 = {1, 2, 3, 4, 5, 6, 7, 8}');
    expect(run.gdb).to.include('$2 = {1, 2, 3, 4, 5, 6, 70, 8}');
    expect(run.gdb).to.include('$3 = {1, 2, 3, 4, 5, 6, 70, 8}');
    if (wide) {
      expect(run.gdb).to.match(/\$4 = {.*, 99}\n/);
      expect(run.gdb).to.include('$5 = 5');
    }
  });

  it('stops on signals, passes those that gdb does not want, and delivers what gdb gives', async () => {
    const run = await debug(['signals'], [
      'handle SIGALRM nostop noprint pass', `break ${at('signals')}`, 'continue', 'print alarms', 'print $_siginfo.si_signo', 'continue', 'print alarms', 'continue',
    ]);
    expect(run.gdb).to.match(/received signal SIGUSR1/);
    expect(run.gdb).to.include('$1 = 20');
    expect(run.gdb).to.include('$2 = 10');
    expect(run.gdb).to.include('$3 = 21');
    expect(run.server).to.include('alarms 21');
  });

  it('tells where and of what a program dies', async () => {
    const run = await debug(['crash'], ['continue', 'print $_siginfo._sifields._sigfault.si_addr', 'frame', 'continue']);
    expect(run.gdb).to.match(/received signal SIGSEGV.*\n.*main/);
    expect(run.gdb).to.include('$1 = (void *) 0x0');
    expect(run.gdb).to.match(/Program terminated with signal SIGSEGV/);
    expect(run.server).to.include('Child terminated with signal = 0xb');
  });

  it('follows an exec', async () => {
    const run = await debug(['exec'], ['continue', 'catch exec', 'break tick', 'continue', 'info threads'].slice(1));
    expect(run.gdb).to.match(/Catchpoint 1 \(exec'd .*shapes\)/);
  });

  /** gdb at a prompt, interrupted once the server or gdb has said what `ready` matches. */
  async function interrupted(commands: string[], ready: { in: 'server' | 'gdb'; pattern: RegExp }): Promise<{ gdb: string; server: string }> {
    const server = new Server(['--once', ':0', shapes(), 'wait']);
    try {
      const words = ['set sysroot /', 'set confirm off', `target remote :${await server.port()}`, ...commands].flatMap((command) => ['-ex', command]);
      const child = spawn('gdb', ['-nx', '-q', ...words, shapes()]);
      let output = '';
      let seen: () => void = () => undefined;
      const shown = new Promise<void>((resolve) => (seen = resolve));
      eachLine(child, (line) => {
        output += line;
        if (ready.pattern.test(output)) seen();
      });
      await (ready.in === 'gdb' ? shown : server.waitFor(ready.pattern));
      child.kill('SIGINT');
      child.stdin.write('backtrace\nkill\nquit\n');
      await new Promise((resolve) => child.once('close', resolve));
      return { gdb: output, server: server.output };
    } finally {
      await server.end();
    }
  }

  it('interrupts a running program', async () => {
    const run = await interrupted(['continue'], { in: 'server', pattern: /waiting/ });
    expect(run.gdb).to.match(/received signal SIGINT/);
    expect(run.gdb).to.match(/ main \(/);
    expect(run.server).to.include('Killing process(es)');
  });

  it('interrupts a program that gdb steps all the time', async () => {
    const commands = ['break main', 'continue', 'set can-use-hw-watchpoints 0', 'watch ticks', 'continue'];
    const run = await interrupted(commands, { in: 'gdb', pattern: /Watchpoint 2: ticks[^]*Continuing/ });
    expect(run.gdb).to.match(/received signal SIGINT/);
  });

  it('ends a resume whose only thread ends', async () => {
    const run = await debug(['threads'], ['break tick', 'continue', 'set scheduler-locking on', 'delete', 'continue', 'thread 1', 'set scheduler-locking off', 'continue']);
    expect(run.gdb).to.match(/No unwaited-for children left/);
    expect(run.gdb).to.match(/exited with code 052\]/);
  });

  it('leaves a program that it was attached to as it was', async () => {
    const child = spawn(shapes(), ['wait'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      await new Promise((resolve) => child.stdout.once('data', resolve));
      const server = new Server(['--once', '--attach', ':0', String(child.pid)]);
      try {
        const output = await gdb([`target remote :${await server.port()}`, 'backtrace', 'print ticks', 'break usleep', 'continue', 'info inferiors', 'detach']);
        expect(output).to.include('$1 = 0');
        expect(output).to.match(/Breakpoint 1, .*usleep/);
        expect(await server.exited).to.equal(0);
        expect(server.output).to.include(`Attached; pid = ${child.pid}`);
        expect(server.output).to.include(`Detaching from process ${child.pid}`);
      } finally {
        await server.end();
      }
      expect(child.exitCode).to.equal(null);
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      expect(status).to.match(/^TracerPid:\t0$/m);
      expect(status).to.match(/^State:\t[SR]/m);
    } finally {
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
    }
  });

  it('serves run, kill and run again with --multi and extended-remote, and reads files through the server', async () => {
    const server = new Server(['--multi', '--once', join(scratch(), 'socket')]);
    try {
      await server.waitFor(/Listening on/);
      const output = await gdb(
        [
          `target extended-remote ${join(scratch(), 'socket')}`, `set remote exec-file ${shapes()}`, 'break tick', 'run threads', 'kill',
          'set env GREETING moin', 'set cwd /', 'run', 'info proc cwd', 'delete', 'print (char*)getenv("GREETING")', 'continue', 'run', 'monitor exit',
        ],
        { sysroot: 'target:' },
      );
      expect(output.match(/hit Breakpoint 1, tick/g)).to.have.length(2);
      expect(output.match(/exited with code 052\]/g)).to.have.length(2);
      expect(output).to.include("cwd = '/'");
      expect(output).to.match(/\$1 = 0x[0-9a-f]+ "moin"/);
      expect(output).to.include('Reading /lib64/ld-linux-x86-64.so.2 from remote target');
      expect(await server.exited).to.equal(0);
      expect(existsSync(join(scratch(), 'socket'))).to.equal(false);
    } finally {
      await server.end();
    }
  });

  it('waits for the next client after a disconnect', async () => {
    const server = new Server([':0', shapes()]);
    try {
      const port = await server.port();
      const first = await gdb([`target extended-remote :${port}`, 'break tick', 'continue', 'disconnect']);
      expect(first).to.match(/Breakpoint 1, tick/);
      const second = await gdb([`target extended-remote :${port}`, 'backtrace 1', 'continue', 'monitor exit']);
      expect(second).to.match(/#0 +(0x[0-9a-f]+ in )?tick/);
      expect(second).to.match(/exited with code 051\]/);
      expect(server.output).to.include('Remote side has terminated connection.');
      expect(await server.exited).to.equal(0);
    } finally {
      await server.end();
    }
  });

  it('talks over stdin and stdout, with the program away from both', async () => {
    const output = await gdb([`target remote | ${process.execPath} ${serverProgram} - ${shapes()}`, 'break tick', 'continue', 'delete', 'continue']);
    expect(output).to.match(/Breakpoint 1, tick/);
    expect(output).to.include('ticks 5, total 15');
    expect(output).to.match(/exited with code 051\]/);
  });

  it('starts a program by a wrapper, and without the shell', async () => {
    const wrapped = await debug([], ['break tick', 'continue', 'print (char*)getenv("RP_WRAPPED")'], { server: ['--wrapper', 'env', 'RP_WRAPPED=a b', '--'] });
    expect(wrapped.gdb).to.match(/\$1 = 0x[0-9a-f]+ "a b"/);
    const plain = await debug(['x y', '*'], ['break tick', 'continue', 'up', 'print argv[1]', 'print argv[2]'], { server: ['--no-startup-with-shell'] });
    expect(plain.gdb).to.include('"x y"');
    expect(plain.gdb).to.include('"*"');
  });

  it('says what is wrong with a program, a process or an address', async () => {
    const missing = new Server(['--once', '--no-startup-with-shell', ':0', '/no/such/program']);
    expect(await missing.exited).to.equal(1);
    expect(missing.output).to.include('There is no program "/no/such/program"');
    const throughShell = new Server(['--once', ':0', '/no/such/program']);
    expect(await throughShell.exited).to.equal(1);
    expect(throughShell.output).to.match(/(No such file|not found)[^]*During startup program exited with code 127\./);
    const data = new Server(['--once', '--no-startup-with-shell', ':0', '/etc/passwd']);
    expect(await data.exited).to.equal(1);
    expect(data.output).to.include('may not be executed');
    const nobody = new Server(['--once', '--attach', ':0', '999999999']);
    expect(await nobody.exited).to.equal(1);
    expect(nobody.output).to.include('There is no process 999999999.');
    const taken = new Server(['--multi', ':0']);
    const second = new Server(['--multi', `:${await taken.port()}`]);
    expect(await second.exited).to.equal(1);
    expect(second.output).to.include("Can't bind address: Address already in use.");
    await taken.end();
    const usage = new Server([]);
    expect(await usage.exited).to.equal(1);
    expect(usage.output).to.include('Usage: rollpoint-server');
  });

  it('kills its program when it is ended', async () => {
    const server = new Server([':0', shapes(), 'wait']);
    await server.port();
    const pid = Number(/pid = (\d+)/.exec(server.output)?.[1]);
    await server.end();
    expect(existsSync(`/proc/${pid}`)).to.equal(false);
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.to.include(`${shapes()} wait`);
  });

  it('says with --debug what it runs on', async () => {
    const server = new Server(['--debug', '--multi', ':0']);
    await server.port();
    await server.end();
    expect(server.output.split('\n')[0]).to.match(/^Rollpoint \S+, Linux \d\S+ x86_64, GNU gdb .*, dirty tracker \w+, kernel lacks: /);
  });
});
