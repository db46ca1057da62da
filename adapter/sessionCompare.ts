// Two moments of the program side by side: typed values by way of gdb, all else by the core.
// Must not know how gdb is led to a moment, or how pages are kept.
import type { Comparison, DescriptorChange, FileChange, Moment, RegionChange, Requests, SnapshotLocation, ThreadChange, VariableChange } from './protocol';
import { requireId } from './sessionMoments';
import type { CoreDifferences, ThreadAt } from './sessionParts';
import type { Run } from './sessionRun';
import { UserError } from './errors';

export async function compareSnapshots(run: Run, { from, to, watches = [], frameId }: Partial<Requests['rollpoint/compareSnapshots']['args']>): Promise<Comparison> {
  run.execution.requireStopped();
  const [first, second] = [from, to].map((moment) => (moment === null ? null : run.snapshots.looking.known(requireId(moment)))) as [Moment, Moment];
  if (!Array.isArray(watches) || watches.some((text) => typeof text !== 'string')) {
    throw new UserError('"watches" has to be a list of expressions.', false);
  }
  const place = await run.moments.place(frameId, undefined);
  return run.snapshots.looking.undisturbed(() =>
    run.snapshots.looking.withPresent(first === null || second === null, async (present) => {
      const [before, after] = [first ?? present!, second ?? present!];
      const { regions, descriptors, files } = await run.host.compare(before, after);
      const [threads, later] = [await run.host.threadsAt(before), await run.host.threadsAt(after)];
      const values = await run.moments.compare([first, second], [threads, later].map((list) => list.map(({ tid }) => tid)), watches, place);
      const threadIds = await run.moments.threadIds();
      return {
        variables: values.variables.map((variable) => variableOf(variable, threadIds)),
        regions: regions.map(regionOf),
        threads: threadChanges(threads, later, values.places),
        descriptors: descriptors.map(descriptorOf),
        files: files.map(fileOf),
      };
    }),
  );
}

const hex = (address: bigint): string => `0x${address.toString(16)}`;

type Values = Awaited<ReturnType<Run['moments']['compare']>>;

function variableOf(variable: Values['variables'][number], threadIds: ReadonlyMap<number, number>): VariableChange {
  const [threadId, fromThreadId] = [variable.tid, variable.fromTid].map((tid) => (tid === undefined ? undefined : threadIds.get(tid)));
  return { ...variable, ...(threadId === undefined ? {} : { threadId }), ...(fromThreadId === undefined ? {} : { fromThreadId }) };
}

function regionOf({ start, end, name, change, from, to, changedBytes, changedPages, ranges, truncated }: CoreDifferences['regions'][number]): RegionChange {
  return {
    start: hex(start),
    end: hex(end),
    name,
    change,
    protection: { from, to },
    changedBytes,
    changedPages,
    ranges: ranges.map((range) => ({ address: hex(range.start), length: Number(range.end - range.start) })),
    truncated,
  };
}

function descriptorOf({ descriptor, from, to }: CoreDifferences['descriptors'][number]): DescriptorChange {
  return { descriptor, change: from === null ? 'opened' : to === null ? 'closed' : 'changed', from, to };
}

function fileOf({ path, was, is, from, to }: CoreDifferences['files'][number]): FileChange {
  return { path, change: !was ? 'created' : !is ? 'removed' : 'changed', from, to };
}

function threadChanges(before: readonly ThreadAt[], after: readonly ThreadAt[], places: Values['places']): ThreadChange[] {
  const placeOf = (side: number, tid: number): SnapshotLocation | null => {
    const place = places[side]?.[tid];
    return place ? { name: place.name, ...(place.path === null ? {} : { path: place.path }), ...(place.line === null ? {} : { line: place.line }) } : null;
  };
  const tids = [...new Set([...before, ...after].map(({ tid }) => tid))].sort((a, b) => a - b);
  return tids.flatMap((tid): ThreadChange[] => {
    const [was, is] = [before.find((thread) => thread.tid === tid), after.find((thread) => thread.tid === tid)];
    if (was && is && was.pc === is.pc && was.sp === is.sp && was.name === is.name) {
      return [];
    }
    const { name } = is ?? was!;
    return [{ tid, name, change: !was ? 'added' : !is ? 'removed' : 'moved', from: was ? placeOf(0, tid) : null, to: is ? placeOf(1, tid) : null }];
  });
}
