// Threads and stack frames: what gdb lists, and the frame ids that a client holds between two stops.
// Must not know DAP responses or variables.
import { UserError } from '../errors';
import type { Gdb } from './backend';
import { listOf, type MiFrame, type MiThread } from './mi';

/** Gdb wants an end where a start is given. */
const deepest = 2 ** 30;

export interface FrameContext {
  threadId: number;
  level: number;
}

export interface Frame extends FrameContext {
  id: number;
  function: string;
  address: string;
  path?: string;
  line?: number;
  /** The shared library, where there is no source. */
  module?: string;
}

export interface ThreadInfo {
  id: number;
  name: string;
  /** The kernel's id. */
  tid: number;
}

export class Stack {
  private readonly frames = new Map<number, Frame>();
  private nextId = 1;
  private lastThreads: ThreadInfo[] = [];

  constructor(private readonly gdb: Gdb) {}

  /** Frames of the stop before are of no use any more. */
  stopped(): void {
    this.frames.clear();
  }

  /** Gdb's list while the debuggee is stopped; while it runs the last one, without threads that have ended. */
  async threads(running: boolean): Promise<ThreadInfo[]> {
    if (!running) {
      const { threads } = await this.gdb.command<{ threads?: MiThread[] }>('-thread-info');
      this.lastThreads = listOf(threads).map(describeThread).sort((a, b) => a.id - b.id);
    }
    return this.lastThreads;
  }

  /** Throws GdbError when there is no such thread. */
  async thread(id: number): Promise<ThreadInfo> {
    const { threads } = await this.gdb.command<{ threads?: MiThread[] }>(`-thread-info ${id}`);
    const [thread] = listOf(threads);
    if (!thread) {
      throw new UserError(`gdb knows no thread ${id}.`, false);
    }
    return describeThread(thread);
  }

  threadCreated(id: number): void {
    if (!this.lastThreads.some((thread) => thread.id === id)) {
      this.lastThreads = [...this.lastThreads, { id, name: `Thread ${id}`, tid: 0 }];
    }
  }

  threadExited(id: number): void {
    this.lastThreads = this.lastThreads.filter((thread) => thread.id !== id);
  }

  /** `total` counts one more than there are when the stack goes on, so that the client asks for the rest. */
  async list(threadId: number, start: number, count: number): Promise<{ frames: Frame[]; total: number }> {
    const range = count > 0 ? ` ${start} ${start + count}` : start > 0 ? ` ${start} ${deepest}` : '';
    const { stack } = await this.gdb
      .command<{ stack?: MiFrame[] }>(`-stack-list-frames --thread ${threadId}${range}`)
      // A start beyond the last frame is an error to gdb.
      .catch((error: unknown) => {
        if (start > 0) {
          return { stack: [] as MiFrame[] };
        }
        throw error;
      });
    const all = listOf(stack);
    const shown = count > 0 ? all.slice(0, count) : all;
    return { frames: shown.map((frame) => this.add(threadId, frame)), total: start + all.length };
  }

  private add(threadId: number, frame: MiFrame): Frame {
    const known: Frame = {
      id: this.nextId++,
      threadId,
      level: Number(frame.level ?? 0),
      function: frame.func ?? '??',
      address: frame.addr ?? '0x0',
      ...sourceOf(frame),
      module: frame.from,
    };
    this.frames.set(known.id, known);
    return known;
  }

  ofSource(path: string): Frame | undefined {
    return [...this.frames.values()].find((frame) => frame.path === path);
  }

  /** Throws UserError when the frame is of an earlier stop. */
  frame(id: number): Frame {
    const frame = this.frames.get(id);
    if (!frame) {
      throw new UserError('This stack frame is of an earlier stop.', false);
    }
    return frame;
  }
}

/** Only an absolute path is one: gdb gives the name alone where it does not know the folder of compilation. */
export function sourceOf(frame: MiFrame): { path?: string; line?: number } {
  const line = frame.line === undefined ? undefined : Number(frame.line);
  return frame.fullname?.startsWith('/') ? { path: frame.fullname, line } : {};
}

/** `Thread 123.124` gives 124, `Thread 0x7f… (LWP 124)` too. */
export function describeThread(thread: MiThread): ThreadInfo {
  const target = thread['target-id'] ?? '';
  const tid = Number(/LWP (\d+)/.exec(target)?.[1] ?? /^Thread \d+\.(\d+)/.exec(target)?.[1] ?? 0);
  const name = thread.name ?? thread.details ?? '';
  return { id: Number(thread.id), name: name ? `${name} (${tid || thread.id})` : `Thread ${tid || thread.id}`, tid };
}
