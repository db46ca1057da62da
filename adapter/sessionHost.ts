// The debuggee of a debug session: core, target and remote-protocol server put together behind one interface.
// Must not know gdb, DAP or the list of snapshots.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Core } from './core/core';
import { CoreTarget } from './core/coreTarget';
import { PeekTarget } from './core/peekTarget';
import type { Addon, RollbackResult } from './core/native';
import { BrokenProgramError, messageOf, UserError } from './errors';
import type { ChildPolicy } from './protocol';
import { defaultSettings } from './rsp/client';
import { RspServer } from './rsp/server';
import type { TargetStop } from './rsp/target';
import type { CoreDifferences, DebuggeeEnd, DebuggeeHost, DebuggeeOptions, HostListener, Terminals, ThreadAt } from './sessionParts';
import type { SnapshotCore } from './snapshots/interfaces';

/** A path of a unix socket has at most 107 bytes. */
const longestFolder = 70;

/** In struct user_regs_struct (sys/user.h), bytes. */
const ripOffset = 16 * 8;
const rspOffset = 19 * 8;

export class SessionHost implements DebuggeeHost {
  readonly snapshots: SnapshotCore;
  ending: DebuggeeEnd | undefined;
  private readonly core: Core;
  private readonly target: PeekTarget;
  private server: RspServer | undefined;
  private folder: string | undefined;

  constructor(addon: Addon, private readonly listener: HostListener, stdio: Terminals | undefined, children: ChildPolicy) {
    this.core = new Core(addon, { children });
    // Before the target tells gdb.
    this.core.on('revived', ({ id, newPid, warnings }) => {
      listener.revived(id, newPid);
      for (const { message } of warnings) {
        listener.warning(message);
      }
    });
    this.core.on('focus', ({ message }) => {
      if (message) listener.warning(message);
    });
    this.target = new PeekTarget(new CoreTarget(this.core, stdio), this.core, () => listener.acting());
    this.snapshots = this.core;
    this.core.on('edited', () => listener.edited());
    this.core.on('snapshotsLost', (ids, message) => listener.snapshotsLost(ids, message));
    this.core.on('log', (message) => listener.trace(message));
    this.target.live.onStop((stop) => {
      this.ending = endingOf(stop);
      if (stop.state === 'exited') {
        listener.ended({ exitCode: stop.code });
      } else if (stop.state === 'killed') {
        listener.ended({ signal: stop.signal });
      }
    });
  }

  async launch(options: DebuggeeOptions): Promise<{ pid: number; executable: string }> {
    const env = Object.entries(options.env).map(([name, value]) => `${name}=${value}`);
    const { program, args, cwd, pidNamespace } = options;
    await this.target.run({ program, args, cwd, env, pidNamespace, disableAslr: true, shell: false, wrapper: [], detachedStdio: false });
    return this.process();
  }

  async attach(pid: number): Promise<{ pid: number; executable: string }> {
    await this.target.attach(pid);
    return this.process();
  }

  async serve(): Promise<{ socket: string; connected(): Promise<void> }> {
    // mkdtemp makes it 0700: nobody else may speak to the debuggee.
    this.folder = await mkdtemp(join(tmpdir().length < longestFolder ? tmpdir() : '/tmp', 'rollpoint-'));
    const socket = join(this.folder, 'gdb');
    const { listener } = this;
    const server = new RspServer({
      target: this.target,
      settings: { ...defaultSettings(process.env), extended: true },
      log: { notice: (message) => listener.trace(message), trace: (message) => listener.trace(message) },
      once: true,
    });
    this.server = server;
    await server.listen({ kind: 'unix', path: socket });
    return { socket, connected: () => this.removeFolder() };
  }

  forgetInterrupt(): void {
    this.server?.forgetInterrupt();
  }

  get traffic(): { idle: boolean; packets: number } {
    return this.server?.traffic ?? { idle: true, packets: 0 };
  }

  async armRestore(id: number): Promise<void> {
    const told = new Set<string>();
    const { result } = await this.target.armRestore(id, () => this.tellPassedOutside(id, told));
    this.tellOf(result, id, told);
  }

  armView(id: number | null): Promise<void> {
    return this.target.armView(id);
  }

  show(id: number | null): Promise<void> {
    return this.target.show(id);
  }

  threadsOf(id: number): readonly number[] {
    return this.core.snapshotThreads(id);
  }

  stoppedThread(id: number): number | undefined {
    return this.core.snapshotThread(id);
  }

  async threadsAt(id: number): Promise<ThreadAt[]> {
    const { threads } = await this.core.peekThreads(id);
    return Promise.all(
      threads.map(async ({ tid, name }) => {
        const { general } = await this.core.peekRegisters(id, tid);
        const view = new DataView(general.buffer, general.byteOffset, general.byteLength);
        return { tid, name, pc: view.getBigUint64(ripOffset, true), sp: view.getBigUint64(rspOffset, true) };
      }),
    );
  }

  compare(from: number, to: number): Promise<CoreDifferences> {
    return this.core.compare(from, to);
  }

  async enterView(): Promise<void> {
    const { viewing } = this.target;
    if (viewing === null) return;
    const told = new Set<string>();
    await this.tellPassedOutside(viewing, told);
    try {
      this.tellOf(await this.core.rollback(viewing), viewing, told);
    } catch (error) {
      throw this.core.broken ? new BrokenProgramError(messageOf(error)) : new UserError(`Snapshot ${viewing} could not be restored: ${messageOf(error)}`);
    }
    this.target.look();
  }

  readMemory(id: number | null, address: bigint, length: number): Promise<Uint8Array> {
    return id === null ? this.core.readMemory(address, length) : this.core.peekMemory(id, address, length);
  }

  private async tellPassedOutside(id: number, told: Set<string>): Promise<void> {
    for (const sentence of await this.core.passedOutside(id)) {
      told.add(sentence);
      this.listener.warning(sentence);
    }
  }

  private tellOf(result: RollbackResult, id: number, told: ReadonlySet<string>): void {
    this.listener.trace(`rolled back to ${id}: ${result.pagesWritten} pages in ${result.micros} µs`);
    for (const { message } of result.warnings) {
      if (!told.has(message)) {
        this.listener.warning(message);
      }
    }
  }

  followChildren(on: boolean): Promise<void> {
    return this.target.focus.followChildren(on);
  }

  get focused(): boolean {
    const { lastStop } = this.target;
    return lastStop?.state === 'stopped' && lastStop.cause.kind === 'focused';
  }

  /** The last restore has failed half-way. */
  get broken(): boolean {
    return this.core.broken;
  }

  disarmRestore(): void {
    this.target.live.disarmRestore('gdb did not resume');
    this.target.disarmView('gdb did not resume');
  }

  letEnd(): Promise<void> {
    return this.core.letEnd();
  }

  async detach(): Promise<void> {
    await this.target.detach();
  }

  async kill(): Promise<void> {
    if (this.core.process) {
      await this.target.kill();
    }
  }

  async dispose(): Promise<void> {
    this.server?.close();
    await this.removeFolder();
    await this.core.dispose();
  }

  private process(): { pid: number; executable: string } {
    const { process } = this.target;
    return { pid: process?.pid ?? 0, executable: process?.executable ?? '' };
  }

  private async removeFolder(): Promise<void> {
    const { folder } = this;
    this.folder = undefined;
    if (folder) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

function endingOf(stop: TargetStop): DebuggeeEnd | undefined {
  if (stop.state !== 'stopped') return undefined;
  const { cause } = stop;
  if (cause.kind === 'exit') return { exitCode: cause.code };
  return cause.kind === 'signal' && cause.fatal ? { signal: cause.signal } : undefined;
}
