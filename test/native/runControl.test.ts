// Run control of the addon on real programs: launch, stops, steps, registers, memory, breakpoints, watchpoints, signals.
// No gdb here; what gdb makes of it is for test/server and test/adapter.
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { addon, Rig, type RigOptions } from '../support/native';

describe('run control', () => {
  let rig: Rig;
  const launch = async (program: string, args: string[] = [], options: RigOptions = {}) =>
    (rig = await Rig.launch(program, args, options));

  afterEach(() => rig?.dispose());

  it('probes what the kernel has', () => {
    const capabilities = addon.probe();
    expect(capabilities.ptrace).to.equal(true);
    expect(capabilities.kernel).to.match(/^\d+\.\d+/);
    expect(['userfaultfd', 'compare']).to.include(capabilities.tracker);
  });

  it('launches with arguments, directory, environment and terminal, and tells the exit code', async () => {
    await launch('echo', ['one', 'two words', ''], { cwd: '/usr', env: ['GREETING=hello there'] });
    await rig.resume();
    rig.write('a line\n\x04');
    expect(await rig.next()).to.deep.include({ type: 'exited', code: 5 });
    expect((await rig.allOutput()).replace(/^a line\n|\^D\x08\x08/gm, '')).to.equal(
      [
        ...['arg 1: one', 'arg 2: two words', 'arg 3: ', 'cwd: /usr', 'greeting: hello there', 'terminal: 1 1 1'],
        ...['out: a line', 'err: a line', 'end of input', ''],
      ].join('\n'),
    );
  });

  it('says what is wrong with a program that cannot be started', async () => {
    const codeOf = (program: string) =>
      Rig.launch(program).then(
        () => 'started',
        (error: { code: string }) => error.code,
      );
    expect(await codeOf('/nowhere/to/be/found')).to.equal('ENOENT');
    expect(await codeOf('/etc/hostname')).to.be.oneOf(['EACCES', 'ENOEXEC']);
  });

  it('stops at a breakpoint, again and again, with memory that shows no trace of it', async () => {
    await launch('heap512', ['1', '1', '1', '5']);
    const address = rig.address('at_step');
    const before = await rig.core.readMemory(address, 16);
    await rig.breakAt('at_step');
    for (let step = 1n; step <= 5n; ++step) {
      const { tid } = await rig.continueToBreakpoint();
      const { rip, rdi } = await rig.registers(tid);
      expect([rip, rdi]).to.deep.equal([address, step]);
      expect(await rig.core.readMemory(address, 16)).to.deep.equal(before);
    }
    expect(await rig.continue()).to.deep.include({ type: 'exited', code: 0 });
  });

  it('steps one instruction', async () => {
    await launch('counter');
    await rig.breakAt('main');
    const { tid } = await rig.continueToBreakpoint();
    const pc = await rig.register(tid, 'rip');
    await rig.clearBreakpoints();
    const stop = await rig.step(tid);
    expect(stop).to.include({ reason: 'step', signal: 5, tid });
    const after = await rig.register(tid, 'rip');
    expect(after > pc && after < pc + 16n).to.equal(true);
  });

  it('steps within a range until the program counter leaves it', async () => {
    await launch('counter');
    await rig.breakAt('_Z3addii');
    const { tid } = await rig.continueToBreakpoint();
    const start = await rig.register(tid, 'rip');
    await rig.clearBreakpoints();
    await rig.resume({ tid, kind: 'range', signal: 0, start, end: start + 8n });
    expect(await rig.nextStop()).to.include({ reason: 'step' });
    expect((await rig.register(tid, 'rip')) >= start + 8n).to.equal(true);
  });

  it('reads and writes memory, also where the program itself may not write', async () => {
    await launch('counter');
    await rig.breakAt('main');
    const { tid } = await rig.continueToBreakpoint();
    await rig.core.writeMemory(rig.address('total'), new Uint8Array([1, 2, 3, 4]));
    expect(await rig.readInt('total')).to.equal(0x04030201);
    const code = rig.address('main');
    const original = await rig.core.readMemory(code, 8);
    await rig.core.writeMemory(code, new Uint8Array(8).fill(0x90));
    expect(await rig.core.readMemory(code, 8)).to.deep.equal(new Uint8Array(8).fill(0x90));
    await rig.core.writeMemory(code, original);
    expect(readFileSync(`/proc/${rig.pid}/maps`, 'utf8')).to.match(/r-xp/);
    const unmapped = await rig.core.readMemory(0x10n, 4).catch((error: { code: string }) => error.code);
    expect(unmapped).to.equal('EFAULT');
    const { rsp } = await rig.registers(tid);
    expect(await rig.core.readMemory(rsp!, 64)).to.have.length(64);
  });

  it('reads memory at once, unless something was asked for before that is still to be done', async () => {
    await launch('counter');
    await rig.breakAt('main');
    const { tid } = await rig.continueToBreakpoint();
    const total = rig.address('total');
    const now = (): number | undefined => {
      const bytes = rig.core.readMemoryNow(total, 4);
      return bytes && Buffer.from(bytes).readInt32LE();
    };
    const value = async (): Promise<number> => {
      for (;;) {
        const read = now();
        if (read !== undefined) return read;
        await setImmediate();
      }
    };
    expect(await value()).to.equal(await rig.readInt('total'));
    const { id } = await rig.core.capture({ tid, files: 'keep' });
    const before = await value();
    for (let written = 1; written <= 300; written++) {
      const done = rig.writeInt('total', written);
      expect(now()).to.be.oneOf([undefined, written]);
      if (written % 3 > 0) await done;
      expect(now()).to.be.oneOf([undefined, written]);
      if (written % 100 > 0) continue;
      const back = rig.core.rollback(id);
      expect(now()).to.be.oneOf([undefined, before]);
      await back;
      expect(await value()).to.equal(before);
    }
    expect(rig.core.readMemoryNow(0x10n, 4)).to.equal(undefined);
    expect(rig.core.readMemoryNow(total, 1 << 20)).to.equal(undefined);
    await rig.clearBreakpoints();
    const resumed = rig.resume();
    for (let round = 0; round < 50; round++) expect(now()).to.equal(undefined);
    await resumed;
    expect(await rig.next()).to.include({ type: 'exited' });
    expect(now()).to.equal(undefined);
  });

  it('writes registers', async () => {
    await launch('counter', ['4']);
    await rig.breakAt('_Z3addii');
    const { tid } = await rig.continueToBreakpoint();
    await rig.setRegister(tid, 'rsi', 41n);
    await rig.clearBreakpoints();
    const { xstate } = await rig.core.readRegisters(tid);
    await rig.core.writeRegisters(tid, { xstate });
    expect((await rig.core.readRegisters(tid)).xstate).to.deep.equal(xstate);
    expect(await rig.continue()).to.deep.include({ type: 'exited', code: 0 });
    expect(await rig.allOutput()).to.contain('tick 1 total 41\n');
  });

  it('stops at a write to a watched address, in threads born later too', async () => {
    await launch('threads10', ['30']);
    await rig.core.insertBreakpoint('write', rig.address('step'), 4);
    for (const value of [1, 2, 3]) {
      const stop = (await rig.continue()) as { reason: string; address?: bigint };
      expect(stop).to.deep.include({ reason: 'watchpoint', address: rig.address('step') });
      expect(await rig.readInt('step')).to.equal(value);
    }
    await rig.core.removeBreakpoint('write', rig.address('step'), 4);
    expect(await rig.continue()).to.deep.include({ type: 'exited', code: 0 });
  });

  it('stops at a hardware breakpoint', async () => {
    await launch('counter');
    await rig.core.insertBreakpoint('hardware', rig.address('main'), 1);
    expect(await rig.continue()).to.include({ reason: 'hardwareBreakpoint' });
  });

  it('interrupts a program that waits in vfork as soon as its child lets go of its memory', async () => {
    await launch('forks', ['lend', '1']);
    await rig.resume();
    await rig.outputMatching(/lending/);
    await rig.core.interrupt();
    const { tid, reason } = await rig.nextStop();
    expect(reason).to.equal('interrupt');
    expect(await rig.registers(tid)).to.have.property('rip');
  });

  it('takes no snapshot while a thread waits in vfork, and says why', async () => {
    await launch('forks', ['lend', '30', 'beside']);
    await rig.resume();
    await rig.outputMatching(/lending/);
    const waits = () => readFileSync(`/proc/${rig.pid}/task/${rig.pid}/children`, 'utf8') !== '' && / D /.test(readFileSync(`/proc/${rig.pid}/stat`, 'utf8'));
    while (!waits()) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await rig.core.interrupt();
    await rig.nextStop();
    const refusal = await rig.core.capture({ tid: rig.pid, files: 'rewind' }).then(
      () => 'none',
      (error: Error) => error.message,
    );
    expect(refusal).to.match(/^Thread \d+ waits for a child process that has borrowed its memory \(vfork\)\. Try again in a moment\.$/);
  });

  it('kills a program that waits in vfork', async () => {
    await launch('forks', ['lend', '5']);
    await rig.resume();
    await rig.outputMatching(/lending/);
    await rig.core.interrupt();
    await rig.core.kill();
    expect(await rig.next()).to.deep.include({ type: 'killed', signal: 9 });
  });

  it('interrupts a running program, and lets ten threads go on as if nothing had been', async () => {
    await launch('threads10', ['400']);
    await rig.breakAt('at_step');
    await rig.continueToBreakpoint();
    await rig.clearBreakpoints();
    await rig.resume();
    for (let i = 0; i < 30; ++i) {
      await new Promise((resolve) => setTimeout(resolve, 7));
      await rig.core.interrupt();
      expect(await rig.nextStop()).to.include({ reason: 'interrupt', signal: 0 });
      expect((await rig.core.threads()).length).to.be.greaterThan(9);
      if (i < 29) {
        await rig.resume();
      }
    }
    expect(await rig.continue()).to.deep.include({ type: 'exited', code: 0 });
    expect(await rig.allOutput()).to.match(/errors 0\n$/);
  });

  it('stops at a signal with its siginfo, and delivers it on request', async () => {
    await launch('crash');
    const stop = (await rig.continue()) as { tid: number; reason: string; signal: number };
    expect(stop).to.include({ reason: 'signal', signal: 11 });
    expect(stop.tid).to.not.equal(rig.pid);
    const siginfo = await rig.core.readSiginfo(stop.tid);
    expect(siginfo).to.have.length(128);
    expect(new DataView(siginfo.buffer, siginfo.byteOffset).getBigUint64(16, true)).to.equal(8n);
    await rig.resume({ tid: stop.tid, kind: 'continue', signal: 11 }, { tid: -1, kind: 'continue', signal: 0 });
    expect(await rig.next()).to.deep.include({ type: 'killed', signal: 11 });
  });

  for (const [how, ending] of [
    [['exit', '7'], { type: 'exited', code: 7 }],
    [['_exit', '8'], { type: 'exited', code: 8 }],
    [['thread', '9'], { type: 'exited', code: 9 }],
  ] as const) {
    it(`tells an end by ${how[0]}`, async () => {
      await launch('endings', [...how]);
      expect(await rig.continue()).to.deep.include(ending);
    });
  }

  it('follows an exec', async () => {
    await launch('endings', ['exec', '/bin/sh', '-c', 'exit 3']);
    const stop = await rig.continue();
    expect(stop).to.include({ type: 'stopped', reason: 'exec' });
    expect(await rig.continue()).to.deep.include({ type: 'exited', code: 3 });
  });

  it('kills a stopped debuggee and a running one', async () => {
    await launch('heap512');
    await rig.core.kill();
    expect(await rig.next()).to.deep.include({ type: 'killed', signal: 9 });
    await rig.dispose();
    await launch('threads10', ['1000000']);
    await rig.resume();
    await rig.core.kill();
    expect(await rig.next()).to.deep.include({ type: 'killed', signal: 9 });
  });

  it('refuses to read or resume a running debuggee', async () => {
    await launch('threads10', ['1000000']);
    await rig.resume();
    const codes = await Promise.all(
      [rig.core.resume([]), rig.core.readRegisters(rig.pid)].map((work) =>
        (work as Promise<unknown>).then(() => 'done', (error: { code: string }) => error.code),
      ),
    );
    expect(codes).to.deep.equal(['RP_NOT_STOPPED', 'RP_NOT_STOPPED']);
  });
});
