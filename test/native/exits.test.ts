// The program stands just before its end, whichever way it takes, and can be rolled back from there again and again.
// No gdb here; how a debugger shows it is for test/server and test/adapter.
import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { Rig, type RigOptions, type Stopped } from '../support/native';

const all = -1;

/** Resolves when the process is gone or a zombie. */
async function gone(pid: number): Promise<void> {
  const lives = () => existsSync(`/proc/${pid}/stat`) && !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  while (lives()) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('the end of the program', () => {
  let rig: Rig;
  const launch = async (program: string, args: string[] = [], options: RigOptions = {}) =>
    (rig = await Rig.launch(program, args, { holdAtExit: true, ...options }));
  afterEach(() => rig?.dispose());

  const capture = (tid: number) => rig.core.capture({ tid, files: 'rewind' });

  /** At `at_begin`, with a snapshot of it. */
  async function begin(program: string, args: string[]): Promise<number> {
    await launch(program, args);
    await rig.breakAt('at_begin');
    const { tid } = await rig.continueToBreakpoint();
    return (await capture(tid)).id;
  }

  async function toExit(code: number): Promise<Stopped> {
    const stop = await rig.continue();
    expect(stop, rig.output).to.deep.include({ type: 'stopped', reason: 'exit', code, signal: 0 });
    return stop as Stopped;
  }

  const ways: [string, string, number][] = [
    ...['return', 'exit', '_exit', 'quick_exit', 'group', 'thread', 'alone'].map((how): [string, string, number] => ['leaving', how, 7]),
    ...['return', '_exit', 'thread', 'alone'].map((how): [string, string, number] => ['leaving_static', how, 300 & 0xff]),
  ];
  for (const [program, how, code] of ways) {
    it(`is held at ${how} of ${program}, and undone from there ten times`, async () => {
      const first = await begin(program, [how, String(program === 'leaving' ? code : 300)]);
      // The main thread's pthread_exit leaves it to the last thread to end the program with 0.
      const wanted = how === 'alone' && program === 'leaving' ? 7 : code;
      const stop = await toExit(how === 'alone' ? 0 : wanted);
      const threads = (await rig.core.threads()).map(({ tid }) => tid);
      expect(threads).to.include(stop.tid);
      if (how !== 'alone') {
        expect(threads.length).to.be.greaterThan(1);
      }
      const last = (await capture(stop.tid)).id;
      for (let time = 2; time <= 11; ++time) {
        await rig.core.rollback(first);
        await rig.writeInt('answer', time);
        const again = await toExit(how === 'alone' ? 0 : wanted);
        expect(await rig.readInt('answer')).to.equal(time);
        expect(await rig.readInt('ended')).to.equal(4);
        expect((await rig.core.threads()).length).to.equal(threads.length);
        expect(again.pid).to.equal(rig.pid);
      }
      await rig.core.rollback(last);
      expect(await rig.core.verify(last)).to.deep.equal([]);
      expect(await rig.readInt('answer')).to.equal(1);
      expect(await rig.continue()).to.deep.include({ type: 'exited', code: how === 'alone' ? 0 : wanted });
      const output = await rig.allOutput();
      for (let time = 1; time <= 11; ++time) {
        expect(output).to.contain(how === '_exit' || how === 'quick_exit' || how === 'group' ? `answer ${time}, 4 ended\n` : `handler: answer ${time}\n`);
      }
    });
  }

  it('is held in a program without a C library, at the exit of its only thread', async () => {
    const first = await begin('bare', []);
    for (let time = 2; time <= 5; ++time) {
      await toExit(5);
      await rig.core.rollback(first);
      await rig.writeInt('answer', time);
    }
    await toExit(5);
    expect(await rig.continue()).to.deep.include({ type: 'exited', code: 5 });
    expect(await rig.allOutput()).to.equal('1\n2\n3\n4\n5\n');
  });

  it('needs no stop where nothing can be rolled back to, or nobody asked', async () => {
    await launch('leaving', ['return', '3']);
    expect(await rig.continue()).to.deep.include({ type: 'exited', code: 3 });
    await rig.dispose();
    const id = await begin('leaving', ['return', '3']);
    await rig.core.deleteSnapshot(id);
    expect(await rig.continue()).to.deep.include({ type: 'exited', code: 3 });
    await rig.dispose();
    await begin('leaving', ['return', '3']);
    await rig.core.holdAtExit(false);
    expect(await rig.continue()).to.deep.include({ type: 'exited', code: 3 });
  });

  it('is not held any more once that is switched off while the program runs', async () => {
    await launch('echo');
    const { tid } = (await rig.core.threads())[0]!;
    await capture(tid);
    await rig.resume();
    await rig.core.holdAtExit(false);
    rig.write('\x04');
    expect(await rig.next()).to.deep.include({ type: 'exited', code: 5 });
  });

  it('is told once, also where handlers run before it', async () => {
    await launch('endings', ['alarms', '3']);
    await rig.breakAt('main');
    await capture((await rig.continueToBreakpoint()).tid);
    await rig.clearBreakpoints();
    const stops: string[] = [];
    let stop = await rig.continue();
    for (; stop.type === 'stopped'; stop = await rig.next()) {
      stops.push(stop.reason);
      if (stops.length <= 3) process.kill(rig.pid, 'SIGALRM');
      // As a debugger does that passes the signal on and says nothing.
      await rig.resume({ tid: stop.tid, kind: 'continue', signal: stop.reason === 'signal' ? stop.signal : 0 });
    }
    expect(stop).to.deep.include({ type: 'exited', code: 3 });
    expect(stops).to.deep.equal(['exit', 'signal', 'signal', 'signal']);
  });

  it('is stepped into as well', async () => {
    await begin('leaving', ['return', '3']);
    const { tid } = await toExit(3);
    await rig.resume({ tid, kind: 'step', signal: 0 });
    expect(await rig.next()).to.deep.include({ type: 'exited', code: 3 });
  });

  it('can be averted: the thread is sent elsewhere', async () => {
    await begin('leaving', ['_exit', '3']);
    const { tid } = await toExit(3);
    // Out of the call as if it had failed: `_exit` tries again by SYS_exit of this thread, and another one lives on.
    await rig.setRegister(tid, 'rax', 39n); // getpid
    const pc = await rig.register(tid, 'rip');
    const stepped = await rig.step(tid);
    expect(stepped.reason).to.equal('step');
    expect(await rig.register(tid, 'rip')).to.equal(pc + 2n);
    expect(await rig.register(tid, 'rax')).to.equal(BigInt(rig.pid));
  });

  for (const how of ['kill', 'dispose', 'detach'] as const) {
    it(`leaves nothing behind when the session ends by ${how} there`, async () => {
      await begin('leaving', ['thread', '3']);
      await toExit(3);
      await rig.core[how]();
      if (how === 'kill') {
        expect(await rig.next()).to.deep.include({ type: 'killed', signal: 9 });
      }
      await gone(rig.pid);
    });
  }
});

describe('a fatal signal', () => {
  let rig: Rig;
  afterEach(() => rig?.dispose());

  const signals: [string, number][] = [
    ['segv', 11],
    ['thread', 11],
    ['abort', 6],
    ['fpe', 8],
    ['ill', 4],
    ['bus', 7],
    ['term', 15],
    ['alarm', 14],
  ];
  for (const [how, signal] of signals) {
    it(`stops the program before ${how} ends it; the snapshot holds it, an earlier one does not`, async () => {
      rig = await Rig.launch('crashes', [how], { holdAtExit: true });
      await rig.breakAt('at_begin');
      const { tid } = await rig.continueToBreakpoint();
      const { id: before } = await rig.core.capture({ tid, files: 'rewind' });
      const crash = async () => {
        const stop = await rig.continue();
        expect(stop, rig.output).to.deep.include({ type: 'stopped', reason: 'signal', signal, fatal: true });
        return stop as Stopped;
      };
      const stop = await crash();
      const { id: at } = await rig.core.capture({ tid: stop.tid, files: 'rewind' });
      for (let time = 0; time < 3; ++time) {
        await rig.core.rollback(at);
        expect(await rig.core.verify(at)).to.deep.equal([]);
        expect((await crash()).tid).to.equal(stop.tid);
      }
      for (let time = 0; time < 3; ++time) {
        await rig.core.rollback(before);
        await rig.writeInt('spare', 1);
        expect(await rig.continue(), rig.output).to.deep.include({ type: 'stopped', reason: 'exit', code: 0 });
        expect(await rig.outputSoFar()).to.match(/(survived\n){1}$/);
      }
      await rig.core.rollback(before);
      const { tid: last } = await crash();
      await rig.resume({ tid: last, kind: 'continue', signal }, { tid: all, kind: 'continue', signal: 0 });
      expect(await rig.next()).to.deep.include({ type: 'killed', signal });
    });
  }

  it('is not one when the program handles it', async () => {
    rig = await Rig.launch('crashes', ['handled']);
    const stop = await rig.continue();
    expect(stop).to.deep.include({ type: 'stopped', reason: 'signal', signal: 11, fatal: false });
    await rig.resume({ tid: (stop as Stopped).tid, kind: 'continue', signal: 11 }, { tid: all, kind: 'continue', signal: 0 });
    expect(await rig.next()).to.deep.include({ type: 'exited', code: 0 });
    expect(await rig.allOutput()).to.equal('handled 1\nsurvived\n');
  });
});
