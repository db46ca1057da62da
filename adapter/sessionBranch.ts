// What if: a snapshot restored, variables set there, and the program on its way from it; the branch that was left stays.
// Must not know how snapshots are restored or variables written.
import { messageOf, UserError } from './errors';
import { inFrame, quote } from './gdb/mi';
import type { Place } from './gdb/moments';
import type { FrameContext } from './gdb/stack';
import type { Assignment, Requests, SnapshotId } from './protocol';
import { requireId } from './sessionMoments';
import type { Run } from './sessionRun';

type Branch = Requests['rollpoint/branchWith'];

/** How far out the frame is looked for in which an expression means something. */
const mostFrames = 8;

export async function branchWith(run: Run, args: Partial<Branch['args']>): Promise<Branch['result']> {
  const id = requireId(args.id);
  const assignments = requireAssignments(args.assignments);
  const { until = 'breakpoint' } = args;
  if (!['breakpoint', 'end', 'stay'].includes(until)) {
    throw new UserError('"until" has to be "breakpoint", "end" or "stay".', false);
  }
  run.execution.requireStopped();
  const place = args.frameId === undefined ? undefined : await run.moments.place(args.frameId, undefined);
  await checkAssignments(run, id, assignments, place);
  await run.snapshots.consent.settle(id);
  run.execution.requireStopped();
  const left = await run.snapshots.keepPresent();
  await run.stops.quietly(() => run.snapshots.restore(id));
  try {
    for (const { expression, value } of assignments) {
      await assign(run, expression, value, place);
    }
  } catch (error) {
    await run.snapshots.giveUp(left).catch((failure: unknown) => run.client.output('important', `${messageOf(failure)}\n`));
    throw new UserError(`${messageOf(error)} The program is where it was.`, false);
  }
  if (until === 'stay') {
    run.stops.send({ reason: 'goto', description: `Restored snapshot ${id}`, threadId: run.stops.threadId, frame: undefined });
  } else {
    await (until === 'end' ? run.stops.runToEnd() : run.execution.resume('-exec-continue', undefined, false));
  }
  return { left };
}

function requireAssignments(given: unknown): Assignment[] {
  const isText = (text: unknown): boolean => typeof text === 'string' && text.trim() !== '';
  if (!Array.isArray(given) || given.length === 0 || !given.every((one: Partial<Assignment>) => isText(one?.expression) && isText(one.value))) {
    throw new UserError('Give "assignments": a list of { "expression", "value" }.', false);
  }
  return given as Assignment[];
}

/**
 * Looks at the snapshot, so that nothing moves for a slip of the pen. What only the present can tell is left to it:
 * functions of the program, threads that have ended since.
 */
async function checkAssignments(run: Run, id: SnapshotId, assignments: readonly Assignment[], place: Place | undefined): Promise<void> {
  const { threadId } = run.snapshots.list().snapshots.find((snapshot) => snapshot.id === run.snapshots.looking.known(id))!;
  if (!(await run.stack.thread(threadId).catch(() => undefined))) {
    return;
  }
  await run.snapshots.looking.undisturbed(async () => {
    for (const { expression, value } of assignments) {
      let failure: string | undefined;
      for (let level = 0; level < mostFrames; level++) {
        const [[target, source] = []] = await run.moments.valuesAt([id], [expression, value], place ?? { threadId, level, function: null, strict: false });
        failure ??= told(target?.message);
        if (target?.message === undefined) {
          failure = told(source?.message);
          break;
        }
        if (place) {
          break;
        }
      }
      if (failure !== undefined) {
        throw new UserError(`"${expression} = ${value}" cannot be set at snapshot ${id}: ${failure}`, false);
      }
    }
  });
}

/** Of a failure that would be one in the present too. */
function told(message: string | undefined): string | undefined {
  return message === undefined || /may-call-functions|was not there/.test(message) ? undefined : message;
}

/** Where no frame is meant, in the innermost one that knows the expression. */
async function assign(run: Run, expression: string, value: string, place: Place | undefined): Promise<void> {
  const { threadId } = run.stops;
  const around = place ? await run.moments.frameOf(place) : await frameThatKnows(run, expression, threadId);
  const { frames } = await run.stack.list(around.threadId, around.level, 1);
  await run.variables.assignExpression(expression, value, frames[0]);
  run.edited();
}

async function frameThatKnows(run: Run, expression: string, threadId: number): Promise<FrameContext> {
  for (let level = 0; level < mostFrames; level++) {
    const frame = { threadId, level };
    const known = await run.gdb.command(`-data-evaluate-expression${inFrame(frame)} ${quote(expression)}`).then(() => true, () => false);
    if (known) {
      return frame;
    }
  }
  return { threadId, level: 0 };
}
