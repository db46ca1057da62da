// Process trees beside the battery of the kinds: children that were there before us, and what an exec of the program
// itself does to its snapshots.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { expect } from 'chai';
import { debuggee } from '../support/debuggees';
import { Rig, type RigOptions } from '../support/native';

/** The shell hands on what the test run itself was started with. */
const notOfTheRun = ({ kind }: { kind: string }) => kind !== 'pipe';

describe('children', () => {
  let rig: Rig;
  let shell: ChildProcessByStdio<Writable | null, Readable, null> | undefined;
  let output = '';
  afterEach(async () => {
    await rig?.dispose();
    shell?.kill('SIGKILL');
    shell = undefined;
  });

  const said = async (pattern: RegExp) => {
    while (!pattern.test(output)) await new Promise((resolve) => shell!.stdout.once('data', resolve));
    return pattern.exec(output)![1]!;
  };

  /** A program with children, to which we come when they are all there. */
  const attach = async (options: RigOptions = {}) => {
    output = '';
    // Not a child of our own: Node would take the reports of its stops.
    shell = spawn('sh', ['-c', `${debuggee('children').program} --lasting --spawn --wait & wait $!; echo "ended $?"`], { stdio: ['ignore', 'pipe', 'ignore'] });
    shell.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
    const pid = Number(await said(/READY (\d+)/));
    rig = await Rig.attach('children', pid, options);
    await rig.writeInt('children_go', 1);
    await rig.breakAt('at_armed', 'at_changed', 'at_checked');
    await rig.continueToBreakpoint();
    return pid;
  };

  const tracers = (pid: number) =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map((child) => Number(/^TracerPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${child}/status`, 'utf8'))![1]));

  it('that a program has when it is attached to go back and forth with it, and on without us', async () => {
    const pid = await attach();
    expect(tracers(pid)).to.have.length(4).and.not.include(0);
    const armed = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    expect(armed.warnings.filter(notOfTheRun)).to.deep.equal([]);
    await rig.continueToBreakpoint();
    const changed = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    for (let turn = 0; turn < 10; ++turn) {
      expect((await rig.core.rollback(armed.id)).warnings.filter(notOfTheRun)).to.deep.equal([]);
      expect(await rig.core.verify(armed.id)).to.deep.equal([]);
      await rig.continueToBreakpoint();
      await rig.core.rollback(changed.id);
    }
    await rig.continueToBreakpoint();
    await rig.dispose();
    expect(await said(/ended (\d+)/), output).to.equal('0');
    expect(output).to.match(/PASS/);
  });

  it('that a program has when it is attached to are left alone with "ignore", which each snapshot tells', async () => {
    const pid = await attach({ children: 'ignore' });
    expect(tracers(pid).filter((tracer) => tracer !== 0)).to.deep.equal([]);
    const { warnings, exact } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    expect(exact).to.equal(false);
    expect(warnings.map(({ message }) => message)).to.include('Child processes are running; they stay as they are.');
    await rig.dispose();
    expect(await said(/ended (\d+)/), output).to.equal('0');
  });

  it('with threads, born and ended since, go back and forth where nobody can choose numbers', async () => {
    rig = await Rig.launch('crews');
    await rig.breakAt('at_armed', 'at_changed', 'at_checked');
    await rig.continueToBreakpoint();
    const told: string[] = [];
    const back = async (id: number) => {
      told.push(...(await rig.core.rollback(id)).warnings.map(({ message }) => message));
      expect(await rig.core.verify(id), told.join('\n')).to.deep.equal([]);
    };
    const armed = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    await rig.continueToBreakpoint();
    const changed = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    for (let turn = 0; turn < 2; ++turn) {
      await back(armed.id);
      await rig.continueToBreakpoint();
      // What is captured now has threads under the numbers that they have come to have.
      const again = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      await back(changed.id);
      await rig.continueToBreakpoint();
      await back(again.id);
      await rig.continueToBreakpoint();
    }
    await rig.clearBreakpoints();
    expect(await rig.continue(), await rig.outputSoFar()).to.deep.include({ type: 'exited', code: 0 });
    if (process.getuid!() !== 0) expect(told.join('\n')).to.match(/threads? ha(s another id|ve other ids) than before/);
    else expect(told).to.deep.equal([]);
  }).timeout(300_000);

  it('with threads, one of whose numbers somebody else has taken, come back with another', async () => {
    rig = await Rig.launch('crews');
    await rig.breakAt('at_armed', 'at_changed', 'at_checked');
    await rig.continueToBreakpoint();
    const threads = () =>
      readFileSync(`/proc/${rig.pid}/task/${rig.pid}/children`, 'utf8')
        .split(' ')
        .filter(Boolean)
        .flatMap((child) => readdirSync(`/proc/${child}/task`).filter((tid) => tid !== child));
    const before = threads();
    const armed = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    await rig.continueToBreakpoint();
    const free = before.filter((tid) => !existsSync(`/proc/${tid}`));
    expect(free).to.not.be.empty;
    // Only root can; without privilege the numbers are others, but for chance.
    if (process.getuid!() === 0) {
      shell = spawn(debuggee('taker').program, [free[0]!], { stdio: ['pipe', 'pipe', 'inherit'] });
      output = '';
      shell.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
      await said(/(READY)/);
    }
    const { warnings } = await rig.core.rollback(armed.id);
    const others = threads().filter((tid) => !before.includes(tid));
    if (shell) expect(others).to.not.be.empty;
    const told = warnings.map(({ message }) => message).join('\n');
    if (others.length > 0) expect(told).to.match(/threads? ha(s another id|ve other ids) than before/);
    expect(await rig.core.verify(armed.id)).to.deep.equal([]);
    await rig.clearBreakpoints();
    expect(await rig.continue(), await rig.outputSoFar()).to.deep.include({ type: 'exited', code: 0 });
  });

  for (const pidNamespace of [false, true]) {
    it(`are there again with memory in common and a timer for one of their threads${pidNamespace ? ', in a pid namespace' : ''}`, async () => {
      rig = await Rig.launch('kin', [], { launch: { pidNamespace } });
      await rig.breakAt('at_armed', 'at_changed', 'at_checked');
      await rig.continueToBreakpoint();
      const armed = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      expect(armed.warnings).to.deep.equal([]);
      const told: string[] = [];
      for (let turn = 0; turn < 10; ++turn) {
        await rig.continueToBreakpoint();
        expect(await rig.register(rig.pid, 'rip'), await rig.outputSoFar()).to.equal(rig.address('at_changed'));
        // Semaphores are the whole machine's.
        told.push(...(await rig.core.rollback(armed.id)).warnings.filter(({ kind }) => kind !== 'systemV').map(({ message }) => message));
        // The timer goes on meanwhile.
        expect((await rig.core.verify(armed.id)).filter(({ message }) => !message.endsWith('the pending signals differ'))).to.deep.equal([]);
      }
      // Another number may be told, and nothing else.
      expect(told.filter((line) => !/its number is|has another id|have other ids/.test(line))).to.deep.equal([]);
      await rig.clearBreakpoints();
      expect(await rig.continue(), await rig.outputSoFar()).to.deep.include({ type: 'exited', code: 0 });
    });
  }

  it('that have no memory in common any more are told of', async () => {
    rig = await Rig.launch('kin', ['--unmap']);
    await rig.breakAt('at_armed', 'at_changed');
    await rig.continueToBreakpoint();
    const armed = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    await rig.continueToBreakpoint();
    const { warnings } = await rig.core.rollback(armed.id);
    expect(warnings.map(({ message }) => message).join('\n')).to.match(
      /^Processes \d+ and \d+ had the memory at [\da-f]+-[\da-f]+ in common \(MAP_SHARED\), and do not any more: .* Each has what was in it then\.$/m,
    );
    expect((await rig.core.verify(armed.id)).map(({ message }) => message).join('\n')).to.match(/in common/);
  });

  it('that share memory with the program pass its breakpoints', async () => {
    rig = await Rig.launch('sharing');
    await rig.breakAt('at_armed', 'at_changed', 'at_checked', 'at_turn');
    await rig.continueToBreakpoint();
    const armed = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    await rig.continueToBreakpoint();
    for (let turn = 0; turn < 20; ++turn) {
      await rig.core.rollback(armed.id);
      expect((await rig.continueToBreakpoint()).tid).to.equal(rig.pid);
      expect(await rig.register(rig.pid, 'rip')).to.equal(rig.address('at_changed'));
    }
    await rig.continueToBreakpoint();
    expect(await rig.continue(), await rig.outputSoFar()).to.deep.include({ type: 'exited', code: 0 });
  });

  it('that share memory with the program and are let go are told of at once', async () => {
    rig = await Rig.launch('sharing', [], { children: 'ignore' });
    await rig.breakAt('at_armed');
    await rig.continueToBreakpoint();
    expect(rig.logs.join('\n')).to.match(/^Child process \d+ shares the program's memory .* a breakpoint that it comes to ends it\.$/m);
  });

  it('and the program itself: an exec loses the snapshots before it, and says so', async () => {
    rig = await Rig.launch('endings', ['exec', '/bin/sh', '-c', 'exit 3']);
    await rig.breakAt('main');
    await rig.continueToBreakpoint();
    const { id } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    await rig.clearBreakpoints();
    expect(await rig.continue()).to.include({ type: 'stopped', reason: 'exec' });
    expect(rig.logs.join('\n')).to.match(/replaced itself by another one \(exec\); the snapshots before that are gone/);
    const refused = await rig.core.rollback(id).then(() => '', (error: Error) => error.message);
    expect(refused).to.match(/There is no snapshot/);
    const { id: after } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    await rig.core.rollback(after);
    expect(await rig.continue()).to.deep.include({ type: 'exited', code: 3 });
  });
});
