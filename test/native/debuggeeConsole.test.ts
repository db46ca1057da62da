// The debuggee's terminal on real ptys and real programs: categories, text across chunks, input, terminals and their end.
// The client is this test: it takes the output, and opens a terminal by starting the relay on a pty of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { NativeEvent, Supervisor } from '../../adapter/core/native';
import { openDebuggeeConsole, type ConsoleParts, type DebuggeeConsole } from '../../adapter/debuggeeConsole';
import type { ConsoleKind } from '../../adapter/protocol';
import { FrameReader, encodeFrame } from '../../adapter/terminal/frames';
import { OutputText } from '../../adapter/terminal/outputText';
import { PtyMaster } from '../../adapter/terminal/ptyMaster';
import { debuggee } from '../support/debuggees';
import { addon } from '../support/native';

const root = join(import.meta.dirname, '..', '..');

/** A client's terminal: a pty of its own in which the relay runs. */
class Terminal {
  shown = '';
  readonly pty: PtyMaster;
  readonly master: number;
  readonly process: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(command: string[]) {
    const { master, path } = addon.openPty(30, 100);
    this.master = master;
    this.pty = new PtyMaster(master, path, (bytes) => (this.shown += bytes.toString()));
    // setsid and the redirections make the pty its controlling terminal, as a terminal does.
    const script = 'exec setsid --ctty --wait "$@" <"$0" >"$0" 2>&1';
    this.process = spawn('sh', ['-c', script, path, ...command], { stdio: 'ignore', cwd: root });
    this.ended = new Promise((resolve) => this.process.once('exit', resolve));
  }
}

describe('the console of the debuggee', function () {
  let shown: Record<'stdout' | 'stderr' | 'console', string>;
  let terminal: Terminal | undefined;
  let parts: ConsoleParts;
  let console_: DebuggeeConsole | undefined;
  let supervisor: Supervisor | undefined;
  let events: NativeEvent[];

  beforeEach(() => {
    shown = { stdout: '', stderr: '', console: '' };
    events = [];
    parts = {
      ptys: addon,
      output: (category, text) => (shown[category] += text),
      caughtUp: () => undefined,
      runInTerminal: async ({ args, env }) => {
        expect(env).to.deep.equal({ ELECTRON_RUN_AS_NODE: '1' });
        terminal = new Terminal(args);
      },
      adapterCommand: [process.execPath, '--import', 'tsx', join(root, 'test/support/relayMain.ts')],
    };
  });

  afterEach(async () => {
    await supervisor?.dispose();
    console_?.dispose();
    await terminal?.ended;
    terminal?.pty.destroy();
    supervisor = console_ = terminal = undefined;
  });

  async function start(kind: ConsoleKind, program: string, args: string[] = []) {
    console_ = await openDebuggeeConsole(kind, program, parts);
    supervisor = addon.createSupervisor({}, (event) => events.push(event));
    const env = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
    await supervisor.launch({ program, args, env, stdio: console_.stdio, disableAslr: true });
    await supervisor.resume([{ tid: -1, kind: 'continue', signal: 0 }]);
    return console_;
  }

  async function until<T>(what: () => T | undefined | false): Promise<T> {
    for (;;) {
      const value = what();
      if (value) {
        return value;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  const ending = () => until(() => events.find(({ type }) => type === 'exited' || type === 'killed'));

  describe('in the debug console', () => {
    it('tells stdout from stderr, takes input and its end, and loses nothing at the exit', async () => {
      const console = await start('internalConsole', debuggee('echo').program, ['größe']);
      console.write('first line\nsecond ✓ line\n');
      console.endInput();
      expect(await ending()).to.include({ code: 5 });
      await console.finish('ended');
      expect(shown.stderr).to.equal('err: first line\nerr: second ✓ line\n');
      expect(shown.stdout.replace(/^cwd.*\n|^greeting.*\n/gm, '')).to.equal(
        'arg 1: größe\nterminal: 1 1 1\nout: first line\nout: second ✓ line\nend of input\n',
      );
    });

    it('hands on megabytes in order while the client is slow', async () => {
      let slow = 0;
      parts.caughtUp = () => (++slow % 3 ? undefined : new Promise((resolve) => setTimeout(resolve, 3)));
      const console = await start('internalConsole', '/usr/bin/seq', ['1', '400000']);
      await ending();
      await console.finish('');
      expect(shown.stdout.split('\n')).to.have.length(400001);
      expect(shown.stdout).to.equal(Array.from({ length: 400000 }, (_, i) => `${i + 1}\n`).join(''));
    });

    it('takes much input at once', async () => {
      const console = await start('internalConsole', '/usr/bin/wc', ['-l']);
      console.write('0123456789\n'.repeat(20000));
      console.endInput();
      await ending();
      await console.finish('');
      expect(shown.stdout).to.equal('20000\n');
    });

    it('does not wait for a descendant that keeps the terminal open', async () => {
      const console = await start('internalConsole', '/bin/sh', ['-c', 'trap "" HUP; sleep 30 & echo parent $!']);
      await ending();
      await console.finish('');
      expect(shown.stdout).to.match(/^parent \d+\n$/);
      process.kill(Number(shown.stdout.split(' ')[1]), 'SIGKILL');
    });

    it('leaves no descriptors behind', async () => {
      const open = () => readdirSync('/proc/self/fd').length;
      const console0 = await openDebuggeeConsole('internalConsole', 'x', parts);
      console0.dispose();
      await new Promise((resolve) => setTimeout(resolve, 50));
      const before = open();
      const console1 = await openDebuggeeConsole('internalConsole', 'x', parts);
      console1.dispose();
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(open()).to.equal(before);
    });
  });

  describe('in a terminal of the client', () => {
    it('relays both ways with the size of the window, turns ^C into a signal, and prints how it ended', async () => {
      const console = await start('integratedTerminal', debuggee('echo').program);
      await until(() => terminal!.shown.includes('terminal: 1 1 1'));
      terminal!.pty.write('size\r');
      await until(() => terminal!.shown.includes('size: 30 x 100'));
      addon.resizePty(terminal!.master, 50, 120);
      await until(() => events.find((event) => event.type === 'stopped' && event.signal === 28));
      await supervisor!.resume([{ tid: -1, kind: 'continue', signal: 28 }]);
      terminal!.pty.write('size\r');
      await until(() => terminal!.shown.includes('size: 50 x 120'));
      terminal!.pty.write('\x03');
      await until(() => events.find((event) => event.type === 'stopped' && event.signal === 2));
      await supervisor!.resume([{ tid: -1, kind: 'continue', signal: 0 }]);
      terminal!.pty.write('\x04');
      expect(await ending()).to.include({ code: 5 });
      await console.finish('The program exited with code 5.');
      expect(await terminal!.ended).to.equal(0);
      await until(() => /end of input\r\n\r\nThe program exited with code 5\.\r\n$/.test(terminal!.shown));
      expect(shown).to.deep.equal({ stdout: '', stderr: '', console: '' });
    });

    it('hands on megabytes in order', async () => {
      const console = await start('externalTerminal', '/usr/bin/seq', ['1', '200000']);
      await ending();
      await console.finish('over');
      await terminal!.ended;
      await until(() => terminal!.shown.endsWith('over\r\n'));
      expect(terminal!.shown).to.equal(`${Array.from({ length: 200000 }, (_, i) => `${i + 1}\r\n`).join('')}\r\nover\r\n`);
    });

    it('sends SIGHUP when the terminal is closed', async () => {
      await start('integratedTerminal', debuggee('echo').program);
      await until(() => terminal!.shown.includes('terminal: 1 1 1'));
      terminal!.pty.destroy();
      await until(() => events.find((event) => event.type === 'stopped' && event.signal === 1));
      expect(shown.console).to.match(/terminal was closed/);
      await supervisor!.resume([{ tid: -1, kind: 'continue', signal: 1 }]);
      expect(await ending()).to.include({ type: 'killed', signal: 1 });
    });

    it('ends the relay with the session', async () => {
      const console = await start('integratedTerminal', debuggee('echo').program);
      await until(() => terminal!.shown.includes('terminal: 1 1 1'));
      console.dispose();
      expect(await terminal!.ended).to.equal(1);
      await until(() => /The debug session has ended\.\r\n$/.test(terminal!.shown));
    });

    it('falls back to the debug console where the client opens no terminals', async () => {
      parts.runInTerminal = undefined;
      const console = await start('integratedTerminal', '/bin/echo', ['hello']);
      await ending();
      await console.finish('');
      expect(shown.stdout).to.equal('hello\n');
      expect(shown.console).to.match(/falls back to the debug console/);
    });

    it("passes on the client's words when it fails", async () => {
      parts.runInTerminal = () => Promise.reject(new Error('no terminals today.'));
      const message = await openDebuggeeConsole('integratedTerminal', 'x', parts).catch((error: Error) => error.message);
      expect(message).to.equal(
        'The client could not open a terminal: no terminals today. ' +
          'Set "console" to "internalConsole" to see the program in the debug console.',
      );
    });
  });

  it('decodes text whatever the borders of the chunks', () => {
    const source = 'a\r\nß\r\r\n✓\r end\r';
    for (let size = 1; size < 6; ++size) {
      const text = new OutputText();
      let result = '';
      for (let at = 0; at < Buffer.byteLength(source); at += size) {
        result += text.add(Buffer.from(source).subarray(at, at + size));
      }
      expect(result + text.end()).to.equal('a\nß\r\n✓\r end\r');
    }
  });

  it('reads frames whatever the borders of the chunks, and refuses what is none', () => {
    const bytes = Buffer.concat([
      encodeFrame({ kind: 'size', rows: 3, columns: 4 }),
      encodeFrame({ kind: 'input', bytes: Buffer.from('abc') }),
      encodeFrame({ kind: 'exit', text: 'ö' }),
    ]);
    for (let size = 1; size < 8; ++size) {
      const reader = new FrameReader();
      const frames = [];
      for (let at = 0; at < bytes.length; at += size) {
        frames.push(...reader.add(bytes.subarray(at, at + size)));
      }
      expect(frames).to.deep.equal([
        { kind: 'size', rows: 3, columns: 4 },
        { kind: 'input', bytes: Buffer.from('abc') },
        { kind: 'exit', text: 'ö' },
      ]);
    }
    expect(() => new FrameReader().add(Buffer.from('GET / HTTP/1.1'))).to.throw(/frame/);
  });
});
