// What the user reads when a session cannot start: who is to blame and what to do next.
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { debuggee } from '../support/debuggees';
import { Sessions, socketFolders } from '../support/sessions';

describe('a session that cannot start', () => {
  const sessions = new Sessions();
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rollpoint-test-'));
  });
  afterEach(async () => {
    await sessions.end();
    rmSync(folder, { recursive: true });
  });

  /** The message of the failed launch; the session ends by itself after it. */
  async function refusal(args: object, env: NodeJS.ProcessEnv = {}, command = 'launch', through: string[] = []): Promise<string> {
    const before = socketFolders();
    const client = sessions.connect({ env, through });
    await client.initialize();
    const response = await client.raw(command, args);
    expect(response.success).to.equal(false);
    const { error } = response.body as { error: DebugProtocol.Message };
    expect(error).to.deep.include({ id: 1, showUser: true });
    await client.event('terminated');
    await client.close();
    expect(socketFolders().filter((name) => !before.includes(name))).to.deep.equal([]);
    return response.message ?? '';
  }

  function file(name: string, content: string | Buffer, mode = 0o755): string {
    const path = join(folder, name);
    writeFileSync(path, content);
    chmodSync(path, mode);
    return path;
  }

  const { program } = debuggee('counter');

  it('names no program', async () => {
    expect(await refusal({})).to.contain('set "program"');
  });

  it('names a program that does not exist', async () => {
    expect(await refusal({ program: '/no/such/program' })).to.equal(
      'The program "/no/such/program" does not exist. Build it first, or correct "program" in the launch configuration.',
    );
  });

  it('names a program that is not executable', async () => {
    const path = file('plain', Buffer.from('\x7fELF'), 0o644);
    expect(await refusal({ program: path })).to.contain('chmod +x');
  });

  it('names a folder', async () => {
    expect(await refusal({ program: folder })).to.contain('which is a folder');
  });

  it('names a program for another processor', async () => {
    const elf = Buffer.alloc(64);
    elf.write('\x7fELF\x02\x01\x01', 'latin1');
    elf.writeUInt16LE(2, 16);
    elf.writeUInt16LE(183, 18);
    expect(await refusal({ program: file('other', elf) })).to.contain('built for arm64');
  });

  it('names a script without an interpreter', async () => {
    expect(await refusal({ program: file('script', 'echo hello\n') })).to.contain('"#!');
  });

  it('names a script whose interpreter is missing', async () => {
    expect(await refusal({ program: file('script', '#!/no/such/interpreter\n') })).to.match(/interpreter|script/);
  });

  it('names a working folder that does not exist', async () => {
    expect(await refusal({ program, cwd: '/no/such/folder' })).to.equal(
      'The folder "/no/such/folder" ("cwd") does not exist. Correct it in the launch configuration (launch.json).',
    );
  });

  it('has wrong attributes', async () => {
    expect(await refusal({ program, args: 'one two' })).to.contain('"args" must be a list');
    expect(await refusal({ program, snapshots: { memoryLimit: 'plenty' } })).to.contain('"512MiB"');
    expect(await refusal({ program, snapshots: { auto: 'sometimes' } })).to.contain('"everyStop"');
    expect(await refusal({ program, console: 'hologram' })).to.contain('"integratedTerminal"');
  });

  it('finds no gdb', async () => {
    expect(await refusal({ program, gdb: '/no/such/gdb' })).to.contain('gdb was not found at "/no/such/gdb"');
    mkdirSync(join(folder, 'empty'));
    expect(await refusal({ program }, { PATH: join(folder, 'empty') })).to.contain('sudo apt install gdb');
  });

  it('finds a gdb that is too old, broken, or no gdb', async () => {
    const old = file('oldgdb', '#!/bin/sh\necho "GNU gdb (GDB) 9.2"\n');
    expect(await refusal({ program, gdb: old })).to.contain('gdb 9.2');
    const broken = file('broken', '#!/bin/sh\nexit 3\n');
    expect(await refusal({ program, gdb: broken })).to.contain('cannot be run');
    const other = file('other', '#!/bin/sh\necho "cat 1.0"\n');
    expect(await refusal({ program, gdb: other })).to.contain('is not gdb');
    const dying = file('dying', '#!/bin/sh\n[ "$2" = --version ] && echo "GNU gdb 13.1" || exit 4\n');
    expect(await refusal({ program, gdb: dying })).to.contain('ended with code 4');
  });

  it('has a setup command that gdb refuses', async () => {
    expect(await refusal({ program, setupCommands: ['set no-such-setting on'] })).to.contain('set no-such-setting on');
  });

  it('runs without a setup command that may fail', async () => {
    const client = sessions.connect();
    await client.launch({
      program,
      setupCommands: [{ text: 'set no-such-setting on', ignoreFailures: true }, { text: 'set $answer = 42' }, '-gdb-set print elements 4'],
    });
    await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'main' }] });
    await client.configurationDone();
    const stop = await client.stopped();
    expect(await client.evaluate('$answer', stop.threadId)).to.equal('42');
  });

  it('is broken off while it starts', async () => {
    const slow = file('slow', '#!/bin/sh\n[ "$2" = --version ] && echo "GNU gdb 13.1" && exit\nexec sleep 1000\n');
    const client = sessions.connect();
    await client.initialize();
    const launched = client.raw('launch', { program, gdb: slow });
    await client.event('output');
    expect((await client.raw('disconnect')).success).to.equal(true);
    expect((await launched).success).to.equal(false);
  });

  it('attaches to no process', async () => {
    expect(await refusal({ pid: 'twelve' }, {}, 'attach')).to.contain('set "pid"');
  });

  it('attaches to a process of another user', async function () {
    if (process.getuid?.() === 0) {
      // Root may debug all but a kernel thread.
      expect(await refusal({ pid: 2 }, {}, 'attach')).to.match(/2/);
    } else {
      expect(await refusal({ pid: 1 }, {}, 'attach')).to.match(/another user/);
    }
  });

  it('is in a container that may not debug', async () => {
    const container = [debuggee('container').program, '--no-ptrace'];
    expect(await refusal({ program }, {}, 'launch', container)).to.equal(
      'This user may not debug programs here (ptrace is forbidden). In a container, start it with --cap-add=SYS_PTRACE.',
    );
    const other = spawn('sleep', ['60'], { stdio: 'ignore' });
    try {
      expect(await refusal({ pid: other.pid }, {}, 'attach', container)).to.match(/^Process \d+ may not be debugged: the system forbids it\..*--cap-add=SYS_PTRACE/);
    } finally {
      other.kill('SIGKILL');
    }
  });
});

describe('a session that starts', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  it('says first what it runs on', async () => {
    const { client } = await sessions.launch('counter');
    const first = client.events[0]!;
    expect(first.event).to.equal('output');
    expect((first.body as { output: string }).output).to.match(/^Rollpoint \d+\.\d+\.\d+, Linux \d.*gdb \d+\.\d+, dirty tracker \w+, kernel lacks: /);
  });

  it('passes arguments, environment and folder', async () => {
    const client = sessions.connect({ env: { GONE: 'yes' } });
    await client.launch({
      program: '/bin/sh',
      args: ['-c', 'echo "$0|$1|$GREETING|$GONE|$PWD"', 'a b', '"quoted" $HOME'],
      env: { GREETING: 'hello  world', GONE: null },
      cwd: '/usr',
    });
    await client.configurationDone();
    await client.event('terminated');
    expect(client.output('stdout')).to.equal('a b|"quoted" $HOME|hello  world||/usr\n');
  });

  it('debugs what a script runs', async () => {
    const client = sessions.connect();
    await client.launch({ program: debuggee('counter').program, args: ['2'], trace: true });
    await client.configurationDone();
    await client.event('exited');
    expect(client.output('console')).to.contain('-exec-continue');
  });

  it('reads what is typed into the debug console while it runs', async () => {
    const { client } = await sessions.launch('echo');
    await client.configurationDone();
    await client.outputMatching('stdout', /terminal/);
    await client.request('evaluate', { expression: 'typed words', context: 'repl' });
    await client.outputMatching('stdout', /out: typed words/);
    await client.outputMatching('stderr', /err: typed words/);
  });
});
