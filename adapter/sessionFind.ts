// Finds where a value changed: two neighbouring snapshots by looking at them, then the place between them by running from
// the first with a hardware watchpoint. Must not know how snapshots are looked at or restored.
import { messageOf, UserError } from './errors';
import { insert } from './gdb/breakpointInsert';
import { dataTarget, placeInMemory } from './gdb/dataBreakpoints';
import type { MiStopped } from './gdb/mi';
import type { Moment, Place, Valued } from './gdb/moments';
import { isInterrupt, programEnd } from './gdb/stopReason';
import type { Requests, SnapshotId } from './protocol';
import { requireExpression, requireId } from './sessionMoments';
import type { Run } from './sessionRun';
import { cancelled, type Task } from './sessionTask';

type Find = Requests['rollpoint/findChange'];

const word = 8;
const mostWords = 4;

export async function findChange(run: Run, args: Partial<Find['args']>, task: Task): Promise<Find['result']> {
  const expression = requireExpression(args.expression);
  const good = requireId(args.good);
  const bad = requireId(args.bad);
  run.execution.requireStopped();
  const place = await run.moments.place(args.frameId, args.threadId);
  const { before, after, tid } = await run.snapshots.looking.undisturbed(() => neighbours(run, expression, place, run.snapshots.looking.branch(good, bad), task));
  await wanted(run, before, task);
  run.execution.requireStopped();
  task.report(`Between snapshots ${before} and ${after}: running there`, 90);
  const present = await run.snapshots.keepPresent();
  try {
    await run.stops.quietly(() => run.snapshots.restore(before));
    const record = await run.stops.withoutBreakpoints(async () => runToChange(run, expression, await placeOf(run, place, tid), after, task));
    const location = await run.moments.lastLine(Number(record['thread-id'] ?? place.threadId));
    run.stops.handle(record, false);
    return { before, after, location };
  } catch (error) {
    if (run.execution.current === 'stopped') {
      await run.snapshots.onStop({ kind: 'pause', restoring: true });
      await run.snapshots.giveUp(present).catch((failure: unknown) => run.client.output('important', `${messageOf(failure)}\n`));
    }
    throw error;
  }
}

/** The search ends at `before`. Throws UserError where the user does not want that, or cancels instead of an answer. */
async function wanted(run: Run, before: SnapshotId, task: Task): Promise<void> {
  const turnedAway = new Promise<never>((_, fail) => task.onCancel(() => fail(cancelled())));
  try {
    await Promise.race([run.snapshots.consent.settle(before), turnedAway]);
  } finally {
    task.onCancel(undefined);
  }
}

/** The last snapshot with the value of the first one, and the first one without, as bisection finds them. */
async function neighbours(run: Run, expression: string, place: Place, ids: SnapshotId[], task: Task): Promise<{ before: SnapshotId; after: SnapshotId; tid: number }> {
  const look = async (index: number): Promise<Valued> => {
    task.check();
    const [[valued] = []] = await run.moments.valuesAt([ids[index]!], [expression], place);
    return valued!;
  };
  const first = await look(0);
  const last = await look(ids.length - 1);
  if (first.message !== undefined) {
    throw new UserError(`"${expression}" has no value at snapshot ${ids[0]}: ${first.message}`);
  }
  if (last.message === undefined && first.digest === last.digest) {
    throw new UserError(`"${expression}" is the same at snapshots ${ids[0]} and ${ids.at(-1)}: ${first.value}.`);
  }
  let { tid } = first;
  let low = 0;
  let high = ids.length - 1;
  for (const steps = Math.ceil(Math.log2(ids.length)) || 1, from = { done: 0 }; high - low > 1; from.done++) {
    task.report(`Looking between snapshots ${ids[low]} and ${ids[high]}`, Math.min(85, Math.round((from.done / steps) * 85)));
    const middle = (low + high) >> 1;
    const valued = await look(middle);
    // Where it has no value it is not yet, or no more, what it was: the frame may not be there.
    if (valued.message === undefined && valued.digest === first.digest) {
      low = middle;
      tid = valued.tid;
    } else {
      high = middle;
    }
  }
  return { before: ids[low]!, after: ids[high]!, tid };
}

/** In that thread, which gdb may know by another number now: it may have ended, and come back. */
async function placeOf(run: Run, place: Place, tid: number): Promise<Place> {
  const thread = (await run.stack.threads(false)).find((one) => one.tid === tid);
  return { ...place, threadId: thread?.id ?? place.threadId };
}

/** The stop at the first change. Throws UserError when none came. */
async function runToChange(run: Run, expression: string, place: Place, after: Moment, task: Task): Promise<MiStopped> {
  const { gdb, execution, host } = run;
  const numbers = await setWatch(run, expression, place, after);
  try {
    for (;;) {
      task.check();
      task.onCancel(() => void execution.pause().catch(() => undefined));
      const record = await execution.resumeTo('-exec-continue');
      task.onCancel(undefined);
      const asked = execution.takePauseRequest();
      if (programEnd(record) || host.ending) {
        throw new UserError(`The program ended, and "${expression}" had not changed: it went another way this time.`);
      }
      if (task.cancelled || (asked && isInterrupt(record))) {
        throw cancelled();
      }
      if (numbers.includes(record.wpt?.number ?? '')) {
        return record;
      }
      if (record.reason === 'watchpoint-scope') {
        throw new UserError(`"${place.function}" returned, and "${expression}" had not changed: it went another way this time.`);
      }
    }
  } finally {
    task.onCancel(undefined);
    await gdb.command(`-break-delete ${numbers.join(' ')}`).catch((error: unknown) => run.trace(`after the search: ${messageOf(error)}`));
  }
}

/** gdb's numbers of what it watches. The program stands at the snapshot before the change. */
async function setWatch(run: Run, expression: string, place: Place, after: Moment): Promise<string[]> {
  const { gdb } = run;
  const frame = await run.moments.frameOf(place);
  const target = await placeInMemory(gdb, expression, frame);
  if (!target) {
    // A computed value: gdb watches what goes into it, for as long as its frame lives.
    const output = await gdb.console(`watch ${expression}`, frame);
    const [, hardware, number] = /(Hardware w|W)atchpoint (\d+)/.exec(output) ?? [];
    if (number !== undefined && hardware === 'W') {
      await gdb.command(`-break-delete ${number}`);
    }
    if (number === undefined || hardware === 'W') {
      throw new UserError(`The processor cannot watch "${expression}"; it is what it was at the first snapshot, and not at snapshot ${after}. Search for one of its parts.`);
    }
    return [number];
  }
  if (target.bytes <= word * mostWords) {
    const { number } = await insert(gdb, { kind: 'data', where: { watch: await dataTarget(gdb, expression, frame), access: 'write' } });
    return [number];
  }
  const numbers: string[] = [];
  for (const address of await changedWords(run, BigInt(target.address), target.bytes, after)) {
    const { number } = await insert(gdb, { kind: 'data', where: { watch: { address: `0x${address.toString(16)}`, bytes: word }, access: 'write' } });
    numbers.push(number);
  }
  if (numbers.length === 0) {
    throw new UserError(`What changed of "${expression}" lies elsewhere in memory: search for one of its elements.`);
  }
  return numbers;
}

/** Of a value too large to be watched the first words that are others at `after`. */
async function changedWords(run: Run, address: bigint, bytes: number, after: Moment): Promise<bigint[]> {
  const start = address & ~BigInt(word - 1);
  const length = Number(address - start) + bytes;
  const [now, then] = await Promise.all([run.host.readMemory(null, start, length), run.host.readMemory(after, start, length)]);
  const result: bigint[] = [];
  for (let at = 0; at < length && result.length < mostWords; at += word) {
    if (!Buffer.from(now.subarray(at, at + word)).equals(then.subarray(at, at + word))) {
      result.push(start + BigInt(at));
    }
  }
  return result;
}
