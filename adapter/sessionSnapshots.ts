// The custom requests of protocol.ts, handed to the snapshot manager.
// Must not know how snapshots are taken or restored.
import { UserError } from './errors';
import type { RequestName, Requests } from './protocol';
import type { Handlers } from './sessionParts';
import type { Run } from './sessionRun';

type SnapshotHandlers = {
  [Name in RequestName]?: (args: Partial<Requests[Name]['args']>) => Promise<Requests[Name]['result']> | Requests[Name]['result'];
};

export function snapshotRequests(current: () => Run): Handlers {
  const handlers: SnapshotHandlers = {
    'rollpoint/takeSnapshot': async ({ label }) => {
      const run = current();
      const work = async () => {
        run.execution.requireStopped();
        return { snapshot: await run.snapshots.take(label) };
      };
      // Only a running program is held for it: a restore that is under way has to resume, and take waits for it.
      return run.execution.running ? run.execution.whileStopped(work) : work();
    },
    'rollpoint/listSnapshots': () => current().snapshots.list(),
    'rollpoint/restoreSnapshot': async ({ id }) => {
      const run = current();
      const wanted = requireId(id);
      await run.execution.whileStopped(async () => run.execution.requireStopped(), { stay: true });
      await run.snapshots.restore(wanted);
      return {};
    },
    'rollpoint/checkRestore': async ({ id }) => {
      const run = current();
      const wanted = requireId(id);
      const work = async () => {
        run.execution.requireStopped();
        return run.snapshots.checkRestore(wanted);
      };
      return run.execution.running ? run.execution.whileStopped(work) : work();
    },
    'rollpoint/updateSnapshot': async ({ id, label, pinned }) => ({
      snapshot: await current().snapshots.update(requireId(id), { label, pinned }),
    }),
    'rollpoint/deleteSnapshot': async ({ id }) => {
      await current().snapshots.delete(requireId(id));
      return {};
    },
  };
  return handlers;
}

function requireId(id: unknown): number {
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1) {
    throw new UserError(`"${String(id)}" is no snapshot: give its number in "id".`, false);
  }
  return id;
}
