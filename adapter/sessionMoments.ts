// What several snapshots say of the program, without running it: the history of a value.
// Must not know how gdb is led through them, or what keeps them.
import { UserError } from './errors';
import { Moments, type Moment, type Place, type Valued, type ValuesCompared } from './gdb/moments';
import type { HistoryPoint, Requests, SnapshotId, SnapshotLocation } from './protocol';
import type { Run } from './sessionRun';

type Arguments<Name extends keyof Requests> = Partial<Requests[Name]['args']>;

export class SessionMoments {
  private readonly moments: Moments;

  constructor(private readonly run: Run) {
    this.moments = new Moments(run.gdb);
  }

  async history({ expression, from, to, frameId, threadId }: Arguments<'rollpoint/valueHistory'>): Promise<HistoryPoint[]> {
    const { run } = this;
    const text = requireExpression(expression);
    run.execution.requireStopped();
    const place = await this.place(frameId, threadId);
    return run.snapshots.looking.undisturbed(async () => {
      const ids = run.snapshots.looking.branch(from, to);
      const values = await this.valuesAt(ids, [text], place);
      const threadIds = await this.threadIds();
      let before: string | undefined;
      return ids.map((id, index) => {
        const valued = values[index]![0]!;
        if (valued.message !== undefined) {
          const changed = before !== undefined && before !== '';
          before = '';
          return { id, value: null, type: null, changed, message: valued.message };
        }
        const changed = before !== undefined && before !== valued.digest;
        before = valued.digest;
        return { id, value: valued.value, type: valued.type, changed, ...threadOf(valued.tid, threadIds) };
      });
    });
  }

  /** Within `undisturbed`. A list for each moment. Where the thread of `place` is not in its function, another may be. */
  async valuesAt(moments: readonly Moment[], expressions: readonly string[], place: Place): Promise<Valued[][]> {
    const { run } = this;
    const living = (await run.stack.threads(false)).map(({ tid }) => tid);
    const { tid } = await run.stack.thread(place.threadId);
    const asked = moments.map((id) => {
      const there = id === null ? living : run.host.threadsOf(id);
      const own = id === null ? undefined : run.host.stoppedThread(id);
      const threads = [...new Set([tid, own, ...living, ...there])].filter((thread) => thread !== undefined && there.includes(thread)) as number[];
      return { id, threads: threads.slice(0, mostThreads) };
    });
    return this.looking(() => this.moments.values(asked, expressions, place, tid, run.snapshots.peeking));
  }

  /** DAP ids of threads by the kernel's; of one that has ended that which it had when a snapshot was taken for it, if one was. */
  async threadIds(): Promise<ReadonlyMap<number, number>> {
    const { run } = this;
    const former = run.snapshots.list().snapshots.map(({ id, threadId }): [number, number] => [run.host.stoppedThread(id) ?? 0, threadId]);
    const living = (await run.stack.threads(false)).map(({ tid, id }): [number, number] => [tid, id]);
    return new Map([...former, ...living]);
  }

  /** The frame that a client means; without one that of the last stop, or whatever stands in its place. */
  async place(frameId: number | undefined, threadId: number | undefined): Promise<Place> {
    const { run } = this;
    if (frameId !== undefined) {
      const frame = run.stack.frame(frameId);
      return { threadId: frame.threadId, level: frame.level, function: known(frame.function), strict: true };
    }
    const thread = threadId ?? run.stops.threadId;
    const { frames } = await run.stack.list(thread, 0, 1);
    return { threadId: thread, level: 0, function: known(frames[0]?.function), strict: false };
  }

  /** Within `undisturbed`. `tids`: the threads of both. Watches are meant in the thread of `place`, or where that stopped, in the one that stopped. */
  async compare(moments: readonly [Moment, Moment], tids: readonly (readonly number[])[], watches: readonly string[], place: Place): Promise<ValuesCompared> {
    const { run } = this;
    const screen = run.snapshots.peeking;
    const { tid } = await run.stack.thread(place.threadId);
    const here = (await run.stack.thread(run.stops.threadId)).tid;
    const stopped = moments.map((moment) => this.stoppedIn(moment, here));
    const watching = tid === this.stoppedIn(screen, here) ? stopped : moments.map(() => tid);
    return this.looking(() => this.moments.compare(moments, { tids, stopped, watching, watches, place, tid, screen }));
  }

  /** The thread that the program stopped in, or where that is not known, `here`. */
  private stoppedIn(moment: Moment, here: number): number {
    const { snapshots, host } = this.run;
    const id = moment ?? (snapshots.peeking === null ? null : snapshots.list().current);
    return (id === null ? undefined : host.stoppedThread(id)) ?? here;
  }

  /** The frame of what is on screen that `place` means. Throws UserError when it is not there. */
  async frameOf({ threadId, level, function: name, strict }: Place): Promise<{ threadId: number; level: number }> {
    if (name === null) {
      return { threadId, level };
    }
    const { frames } = await this.run.stack.list(threadId, 0, 200);
    const found = frames.find((frame) => frame.function === name);
    if (!found && strict) {
      throw new UserError(`"${name}" is not running there.`);
    }
    return { threadId, level: found?.level ?? 0 };
  }

  /** Where the instruction before the present one belongs: the thread has just made it. */
  async lastLine(threadId: number): Promise<SnapshotLocation | null> {
    const { name, path, line } = await this.moments.lastLine(threadId);
    return name === null ? null : { name, ...(path === null ? {} : { path }), ...(line === null ? {} : { line }) };
  }

  /** Nothing that gdb does meanwhile may become the present. */
  private async looking<T>(work: () => Promise<T>): Promise<T> {
    const { peek } = this.run;
    peek.passing = true;
    try {
      return await work();
    } finally {
      peek.passing = false;
    }
  }
}

/** As a client is told of a thread. */
function threadOf(tid: number, threadIds: ReadonlyMap<number, number>): { tid: number; threadId?: number } {
  const threadId = threadIds.get(tid);
  return threadId === undefined ? { tid } : { tid, threadId };
}

/** So many are looked at for a frame that the thread in question does not have. */
const mostThreads = 32;

function known(name: string | undefined): string | null {
  return name === undefined || name === '??' ? null : name;
}

export function requireExpression(expression: unknown): string {
  if (typeof expression !== 'string' || expression.trim() === '') {
    throw new UserError('Give an "expression".', false);
  }
  return expression.trim();
}

export function requireId(id: unknown): SnapshotId {
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1) {
    throw new UserError(`"${String(id)}" is no snapshot: give its number in "id".`, false);
  }
  return id;
}
