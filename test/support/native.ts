// A debuggee on the addon alone, without gdb: launch, run to symbols, read registers, collect its output.
// Must not know DAP or the remote protocol.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Addon, LaunchOptions, NativeEvent, ResumeAction, Supervisor, TrackerKind } from '../../adapter/core/native';
import { PtyMaster } from '../../adapter/terminal/ptyMaster';
import { debuggee } from './debuggees';

const root = join(import.meta.dirname, '..', '..');

export const addon = createRequire(import.meta.url)(join(root, 'native/build/Release/rollpoint.node')) as Addon;

/** Names and order of struct user_regs_struct (sys/user.h). */
const names = [
  ...['r15', 'r14', 'r13', 'r12', 'rbp', 'rbx', 'r11', 'r10', 'r9', 'r8', 'rax', 'rcx', 'rdx', 'rsi', 'rdi', 'orig_rax'],
  ...['rip', 'cs', 'eflags', 'rsp', 'ss', 'fs_base', 'gs_base', 'ds', 'es', 'fs', 'gs'],
];

export type Ending = Extract<NativeEvent, { type: 'exited' | 'killed' }>;
export type Focus = Extract<NativeEvent, { type: 'focus' }>;
export type Stopped = Extract<NativeEvent, { type: 'stopped' }>;

export interface RigOptions {
  tracker?: TrackerKind;
  children?: 'include' | 'ignore';
  /** `NAME=value`; default: the environment of the tests. */
  env?: string[];
  cwd?: string;
  /** More options of the launch itself. */
  launch?: Partial<LaunchOptions>;
  /** Default false: the program ends without a stop before, as most tests expect it. */
  holdAtExit?: boolean;
}

const all = -1;
/** SIGUSR1, SIGCHLD and SIGSYS: the debuggees use them among themselves. */
const passed = [10, 17, 31];

export class Rig {
  /** Pids of all programs that were launched here, ended or not. */
  static readonly launched = new Set<number>();

  output = '';
  readonly logs: string[] = [];
  pid = 0;
  /** The process in focus, where that was ever another than the first. */
  focus: Focus | undefined;
  /** What was told of it. */
  readonly told: string[] = [];
  private readonly supervisor: Supervisor;
  private readonly pty: PtyMaster;
  private readonly events: NativeEvent[] = [];
  private wake: (() => void) | undefined;
  private readonly breakpoints = new Set<bigint>();
  private base = 0n;

  private constructor(
    private readonly program: string,
    options: RigOptions,
  ) {
    const { master, path } = addon.openPty(24, 80);
    this.pty = new PtyMaster(master, path, (bytes) => (this.output += bytes.toString()));
    this.supervisor = addon.createSupervisor({ ...(options.tracker && { tracker: options.tracker }), ...(options.children && { children: options.children }) }, (event) => {
      if (event.type === 'focus') {
        this.focus = event;
        this.told.push(event.message);
      } else if (event.type === 'log' || event.type === 'snapshotsLost') {
        this.logs.push(event.message);
      } else {
        this.events.push(event);
        this.wake?.();
      }
    });
  }

  /** `program`: a debuggee of ours by name, or an absolute path. */
  static async launch(program: string, args: string[] = [], options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(program.startsWith('/') ? program : debuggee(program).program, options);
    const launch: LaunchOptions = {
      program: rig.program,
      args,
      cwd: options.cwd,
      env: options.env ?? Object.entries(process.env).map(([name, value]) => `${name}=${value}`),
      stdio: { kind: 'terminal', terminal: rig.pty.path },
      disableAslr: true,
      ...options.launch,
    };
    try {
      rig.pid = (await rig.supervisor.launch(launch)).pid;
      Rig.launched.add(rig.pid);
      rig.base = loadAddress(rig.pid, rig.program);
      await rig.supervisor.holdAtExit(options.holdAtExit ?? false);
      return rig;
    } catch (error) {
      await rig.dispose();
      throw error;
    }
  }

  /** To a process that runs the debuggee of that name. Its output is not ours; `dispose` lets it go. */
  static async attach(program: string, pid: number, options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(debuggee(program).program, options);
    try {
      rig.pid = (await rig.supervisor.attach(pid)).pid;
      rig.base = loadAddress(pid, rig.program);
      return rig;
    } catch (error) {
      await rig.dispose();
      throw error;
    }
  }

  get core(): Supervisor {
    return this.supervisor;
  }

  address(symbol: string): bigint {
    const value = debuggee(this.program.slice(this.program.lastIndexOf('/') + 1)).symbol(symbol);
    return value < this.base ? this.base + value : value;
  }

  /** The next stop or the end. */
  async next(): Promise<Stopped | Ending> {
    while (this.events.length === 0) {
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    return this.events.shift() as Stopped | Ending;
  }

  async nextStop(): Promise<Stopped> {
    const event = await this.next();
    if (event.type !== 'stopped') {
      throw new Error(`The debuggee ended (${JSON.stringify(event)}) instead of stopping. It wrote:\n${this.output}`);
    }
    return event;
  }

  async resume(...actions: ResumeAction[]): Promise<void> {
    await this.supervisor.resume(actions.length ? actions : [{ tid: all, kind: 'continue', signal: 0 }]);
  }

  async breakAt(...symbols: (string | bigint)[]): Promise<void> {
    for (const symbol of symbols) {
      const address = typeof symbol === 'bigint' ? symbol : this.address(symbol);
      await this.supervisor.insertBreakpoint('software', address, 1);
      this.breakpoints.add(address);
    }
  }

  async clearBreakpoints(): Promise<void> {
    for (const address of this.breakpoints) {
      await this.supervisor.removeBreakpoint('software', address, 1);
    }
    this.breakpoints.clear();
  }

  /** Continues every thread, first taking the ones that stand on a breakpoint off it as a debugger does. */
  async continue(): Promise<Stopped | Ending> {
    for (const { tid } of await this.supervisor.threads()) {
      const pc = await this.register(tid, 'rip');
      if (this.breakpoints.has(pc)) {
        await this.supervisor.removeBreakpoint('software', pc, 1);
        await this.resume({ tid, kind: 'step', signal: 0 });
        const stop = await this.next();
        if (stop.type !== 'stopped') {
          return stop;
        }
        await this.supervisor.insertBreakpoint('software', pc, 1);
      }
    }
    await this.resume();
    let event = await this.next();
    while (event.type === 'stopped' && event.reason === 'signal' && passed.includes(event.signal)) {
      await this.resume({ tid: event.tid, kind: 'continue', signal: event.signal }, { tid: all, kind: 'continue', signal: 0 });
      event = await this.next();
    }
    return event;
  }

  async continueToBreakpoint(): Promise<Stopped> {
    const stop = await this.continue();
    if (stop.type !== 'stopped' || stop.reason !== 'breakpoint') {
      throw new Error(`Expected a breakpoint, got ${JSON.stringify(stop)}. Output:\n${await this.outputSoFar()}`);
    }
    return stop;
  }

  async step(tid: number): Promise<Stopped> {
    await this.resume({ tid, kind: 'step', signal: 0 });
    return this.nextStop();
  }

  async registers(tid: number): Promise<Record<string, bigint>> {
    const { general } = await this.supervisor.readRegisters(tid);
    const view = new DataView(general.buffer, general.byteOffset, general.byteLength);
    return Object.fromEntries(names.map((name, index) => [name, view.getBigUint64(index * 8, true)]));
  }

  async register(tid: number, name: string): Promise<bigint> {
    return (await this.registers(tid))[name]!;
  }

  async setRegister(tid: number, name: string, value: bigint): Promise<void> {
    const { general } = await this.supervisor.readRegisters(tid);
    new DataView(general.buffer, general.byteOffset).setBigUint64(names.indexOf(name) * 8, value, true);
    await this.supervisor.writeRegisters(tid, { general });
  }

  async writeInt(symbol: string, value: number): Promise<void> {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    await this.supervisor.writeMemory(this.address(symbol), bytes);
  }

  async readInt(symbol: string): Promise<number> {
    const bytes = await this.supervisor.readMemory(this.address(symbol), 4);
    return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
  }

  /** What the stopped debuggee has written: waits for it to come through the terminal. */
  async outputSoFar(): Promise<string> {
    for (let length = -1; length !== this.output.length; ) {
      length = this.output.length;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return this.output.replaceAll('\r\n', '\n');
  }

  /** Waits until the running debuggee has written something like it. */
  async outputMatching(pattern: RegExp): Promise<void> {
    for (let tries = 0; !pattern.test(this.output); ++tries) {
      if (tries > 400) {
        throw new Error(`No output like ${pattern}: ${this.output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** What the debuggee has written up to its end. */
  async allOutput(): Promise<string> {
    await this.pty.drain();
    return this.output.replaceAll('\r\n', '\n');
  }

  write(text: string): void {
    this.pty.write(text);
  }

  async dispose(): Promise<void> {
    await this.supervisor.dispose();
    this.pty.destroy();
  }
}

function loadAddress(pid: number, program: string): bigint {
  const first = readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .find((line) => line.endsWith(program));
  return first ? BigInt(`0x${first.split('-')[0]}`) : 0n;
}
