// Every way in which a session ends: the program's own, the user's, and violence from outside.
import { expect } from 'chai';
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { DapClient } from '../support/dapClient';
import { debuggee } from '../support/debuggees';
import { Sessions, socketFolders } from '../support/sessions';

/** The name of each child process of the adapter, by pid. */
function children(client: DapClient): Map<string, number> {
  const found = new Map<string, number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === client.pid) {
        found.set(/\((.*)\)/.exec(stat)![1]!, Number(pid));
      }
    } catch {
      continue;
    }
  }
  return found;
}

/** Resolves when the process is gone or a zombie. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      if (stat.slice(stat.lastIndexOf(')') + 2)[0] === 'Z') {
        return;
      }
    } catch {
      return;
    }
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** `exited` and `terminated`, once each, in this order, and nothing of the program after them. */
function expectOrderlyEnd(client: DapClient, exitCode: number): void {
  const names = client.events.map(({ event, body }) => (event === 'output' ? `output ${(body as { category: string }).category}` : event));
  const exited = names.indexOf('exited');
  expect(names.filter((name) => name === 'exited')).to.have.length(1);
  expect(names.filter((name) => name === 'terminated')).to.have.length(1);
  expect(names.indexOf('terminated')).to.be.greaterThan(exited);
  expect(names.slice(exited).filter((name) => /output std|stopped/.test(name))).to.deep.equal([]);
  expect(client.events[exited]!.body).to.deep.equal({ exitCode });
}

describe('the end of a session', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  const endings: [string, string[], number][] = [
    ['exit code 0', ['exit', '0'], 0],
    ['exit code 42', ['exit', '42'], 42],
    ['_exit', ['_exit', '7'], 7],
    ['exit from another thread', ['thread', '5'], 5],
  ];
  for (const [what, args, code] of endings) {
    it(`tells of ${what}`, async () => {
      const { client } = await sessions.launch('endings', args);
      await client.configurationDone();
      await client.event('terminated');
      expectOrderlyEnd(client, code);
      expect(client.output('stdout')).to.equal(`ending by ${args[0]}\n`);
    });
  }

  it('tells of an abort as an exception, then of the end by that signal', async () => {
    const { client } = await sessions.launch('endings', ['abort']);
    await client.configurationDone();
    const stop = await client.stopped();
    expect(stop).to.deep.include({ reason: 'exception', description: 'Aborted (SIGABRT)' });
    await client.request('continue', { threadId: stop.threadId });
    await client.event('terminated');
    expectOrderlyEnd(client, 134);
    expect(client.output('console')).to.contain('Aborted (SIGABRT)');
  });

  it('brings all output before the end', async () => {
    const client = sessions.connect();
    await client.launch({ program: '/bin/sh', args: ['-c', 'seq 1 50000; echo last words >&2'], snapshots: { auto: 'off' } });
    await client.configurationDone();
    await client.event('terminated');
    const expected = Array.from({ length: 50000 }, (_, index) => `${index + 1}\n`).join('');
    expect(client.output('stdout')).to.equal(expected);
    expect(client.output('stderr')).to.equal('last words\n');
    expectOrderlyEnd(client, 0);
  });

  it('kills the program on disconnect', async () => {
    const session = await sessions.launch('counter', ['100']);
    const { client } = session;
    const { systemProcessId } = await client.event<{ systemProcessId: number }>('process');
    await session.runTo('@tick');
    await client.request('disconnect');
    await gone(systemProcessId);
    expectOrderlyEnd(client, 137);
  });

  it('lets the program clean up on terminate', async () => {
    const { client } = await sessions.launch('playground', ['term']);
    await client.configurationDone();
    await client.outputMatching('stdout', /waiting/);
    await client.request('terminate');
    await client.event('terminated');
    expect(client.output('stdout')).to.contain('cleaned up');
    expectOrderlyEnd(client, 9);
  });

  it('terminates a program that stands at a breakpoint', async () => {
    const session = await sessions.launch('playground', ['spin']);
    await session.runTo('@spin');
    await session.client.request('terminate');
    await session.client.event('terminated');
    expectOrderlyEnd(session.client, 143);
    // VS Code would look for another thread to show, and open its source on the way out.
    const ended = session.client.events.filter(({ event, body }) => event === 'thread' && (body as { reason: string }).reason === 'exited');
    expect(ended).to.deep.equal([]);
  });

  it('ends a program that heeds no SIGTERM', async () => {
    const client = sessions.connect();
    await client.launch({ program: '/bin/sh', args: ['-c', 'trap "" TERM; echo deaf; while :; do sleep 1; done'], snapshots: { auto: 'off' } });
    await client.configurationDone();
    await client.outputMatching('stdout', /deaf/);
    await client.request('terminate');
    await client.event('terminated');
    expectOrderlyEnd(client, 137);
  });

  it('ends a program that waits in vfork, where nobody can stop it', async () => {
    const { client } = await sessions.launch('forks', ['lend', '60']);
    await client.configurationDone();
    await client.outputMatching('stdout', /lending/);
    await client.request('terminate', {});
    await client.event('terminated');
    expectOrderlyEnd(client, 137);
  });

  for (const state of ['runs', 'stands at a breakpoint'] as const) {
    it(`says that the program was killed from outside while it ${state}`, async () => {
      const session = await sessions.launch('playground', ['spin']);
      const { client } = session;
      const { systemProcessId } = await client.event<{ systemProcessId: number }>('process');
      if (state === 'runs') {
        await client.configurationDone();
      } else {
        await session.runTo('@spin');
      }
      process.kill(systemProcessId, 'SIGKILL');
      await client.event('terminated');
      expectOrderlyEnd(client, 137);
      expect(client.output('console')).to.match(/killed|SIGKILL/);
    });

    it(`ends with words when gdb is killed while the program ${state}`, async () => {
      const session = await sessions.launch('playground', ['spin']);
      const { client } = session;
      const { systemProcessId } = await client.event<{ systemProcessId: number }>('process');
      if (state === 'runs') {
        await client.configurationDone();
      } else {
        await session.runTo('@spin');
      }
      process.kill(children(client).get('gdb')!, 'SIGKILL');
      await client.event('terminated');
      await gone(systemProcessId);
      expect(client.output('important')).to.match(/gdb .*killed by SIGKILL.*Start it again/);
      const late = await client.raw('stackTrace', { threadId: 1 });
      expect(late.success).to.equal(false);
      expect((await client.raw('rollpoint/listSnapshots')).success).to.equal(true);
    });
  }

  it('leaves nothing behind when the client goes away without a word', async () => {
    const session = await sessions.launch('playground', ['spin']);
    const { client } = session;
    const { systemProcessId } = await client.event<{ systemProcessId: number }>('process');
    const gdb = children(client).get('gdb')!;
    await session.runTo('@spin');
    client.hangUp();
    await client.exited;
    await Promise.all([gone(systemProcessId), gone(gdb)]);
  });

  it('leaves nothing behind when the adapter is killed', async () => {
    const before = socketFolders();
    const session = await sessions.launch('playground', ['spin']);
    const { client } = session;
    const { systemProcessId } = await client.event<{ systemProcessId: number }>('process');
    const gdb = children(client).get('gdb')!;
    await session.runTo('@spin');
    client.kill('SIGKILL');
    await client.exited;
    await Promise.all([gone(systemProcessId), gone(gdb)]);
    expect(socketFolders().filter((name) => !before.includes(name))).to.deep.equal([]);
  });

  it('answers a second launch, and requests before the first', async () => {
    const client = sessions.connect();
    await client.initialize();
    expect((await client.raw('continue', { threadId: 1 })).message).to.contain('launch');
    const args = { program: debuggee('counter').program, snapshots: { auto: 'off' } };
    await client.request('launch', args);
    expect((await client.raw('launch', args)).success).to.equal(false);
  });

  it('gives each request exactly one response', async () => {
    const session = await sessions.launch('playground', ['hits']);
    const { client } = session;
    await session.runTo('@hit');
    await client.close();
    const answered = client.responses.map(({ request_seq }) => request_seq);
    expect(new Set(answered).size).to.equal(answered.length);
    expect(answered.sort((a, b) => a - b)).to.deep.equal(answered.map((_, index) => index + 1));
  });
});

describe('attach', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  async function attached(more: object = {}) {
    const target = debuggee('playground');
    const program = spawn(target.program, ['spin'], { stdio: 'ignore' });
    const client = sessions.connect();
    await client.initialize();
    await Promise.all([client.request('attach', { pid: program.pid, snapshots: { auto: 'off' }, ...more }), client.event('initialized')]);
    return { target, program, client };
  }

  it('debugs a running process and leaves it running', async () => {
    const { target, program, client } = await attached();
    try {
      await client.setBreakpoints(target.source, [{ line: target.line('@spin') }]);
      await client.configurationDone();
      const stop = await client.stopped();
      expect(stop.reason).to.equal('breakpoint');
      expect(Number(await client.evaluate('spins._M_i', stop.threadId))).to.be.at.least(0);
      await client.request('disconnect');
      await client.event('terminated');
      expect(client.events.some(({ event }) => event === 'exited')).to.equal(false);
      await client.close();
      const status = () => readFileSync(`/proc/${program.pid}/status`, 'utf8');
      expect(status()).to.match(/TracerPid:\s+0\n/);
      expect(status()).to.match(/State:\s+[SR]/);
    } finally {
      program.kill('SIGKILL');
    }
  });

  it('detaches from a process that runs', async () => {
    const { program, client } = await attached();
    try {
      await client.configurationDone();
      await client.request('disconnect');
      await client.close();
      expect(readFileSync(`/proc/${program.pid}/status`, 'utf8')).to.match(/TracerPid:\s+0\n/);
    } finally {
      program.kill('SIGKILL');
    }
  });

  it('kills the process when told to', async () => {
    const { program, client } = await attached();
    await client.configurationDone();
    await client.request('disconnect', { terminateDebuggee: true });
    await gone(program.pid!);
  });

  it('says which debugger is attached already', async () => {
    const target = debuggee('playground');
    const program = spawn(target.program, ['spin'], { stdio: 'ignore' });
    const other = spawn('gdb', ['-nx', '-q', '-p', String(program.pid)], { stdio: ['pipe', 'pipe', 'ignore'] });
    try {
      await new Promise<void>((done) => other.stdout.on('data', (text: Buffer) => /\(gdb\)/.test(text.toString()) && done()));
      const client = sessions.connect();
      await client.initialize();
      const response = await client.raw('attach', { pid: program.pid });
      expect(response.success).to.equal(false);
      expect(response.message).to.contain(`${program.pid}`);
      expect(response.message).to.contain('gdb');
      await client.event('terminated');
    } finally {
      other.kill('SIGKILL');
      program.kill('SIGKILL');
    }
  });

  it('says that there is no such process', async () => {
    const pid = Number(execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }));
    const client = sessions.connect();
    await client.initialize();
    const response = await client.raw('attach', { pid });
    expect(response.message).to.equal(`There is no process ${pid}: it has ended, or "pid" is wrong.`);
    expect((response.body as { error: DebugProtocol.Message }).error.showUser).to.equal(true);
  });
});
