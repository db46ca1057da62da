// The custom requests of protocol.ts, handed to the snapshot manager.
// Must not know how snapshots are taken or restored.
import { codeOf, UserError } from './errors';
import type { RequestName, Requests } from './protocol';
import { branchWith } from './sessionBranch';
import { compareSnapshots } from './sessionCompare';
import { findChange } from './sessionFind';
import { addressOf } from './sessionMemory';
import { requireExpression, requireId } from './sessionMoments';
import type { Handlers } from './sessionParts';
import type { Run } from './sessionRun';

type SnapshotHandlers = {
  [Name in RequestName]?: (args: Partial<Requests[Name]['args']>, id: number) => Promise<Requests[Name]['result']> | Requests[Name]['result'];
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
        return run.snapshots.consent.check(wanted);
      };
      return run.execution.running ? run.execution.whileStopped(work) : work();
    },
    'rollpoint/answerRestore': ({ question, restore }) => {
      current().questions.answer(question, restore === true);
      return {};
    },
    'rollpoint/peekSnapshot': async ({ id }) => {
      const run = current();
      const wanted = id === null ? null : requireId(id);
      await run.execution.whileStopped(async () => run.execution.requireStopped(), { stay: true });
      await run.snapshots.peek(wanted);
      return {};
    },
    'rollpoint/compareSnapshots': (args) => compareSnapshots(current(), args),
    'rollpoint/branchWith': (args) => branchWith(current(), args),
    'rollpoint/findChange': (args, requestId) => {
      const run = current();
      return run.tasks.run(`Finding where ${requireExpression(args.expression)} changed`, { requestId, wished: args.progressId }, (task) => findChange(run, args, task));
    },
    'rollpoint/valueHistory': async (args) => ({ points: await current().moments.history(args) }),
    'rollpoint/readSnapshotMemory': async ({ id, address, count }) => {
      const run = current();
      run.execution.requireStopped();
      return readBytes(run, id === null ? null : run.snapshots.looking.known(requireId(id)), addressOf(String(address)), Number(count));
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

const mostBytes = 1 << 20;

async function readBytes(run: Run, id: number | null, address: bigint, count: number): Promise<Requests['rollpoint/readSnapshotMemory']['result']> {
  if (!Number.isSafeInteger(count) || count < 0 || count > mostBytes) {
    throw new UserError(`"count" has to be a number of bytes from 0 to ${mostBytes}.`, false);
  }
  const bytes = count === 0 ? new Uint8Array() : await run.host.readMemory(id, address, count).catch((error: unknown) => {
    if (codeOf(error) === 'EFAULT') {
      return new Uint8Array();
    }
    throw error;
  });
  const body = { address: `0x${address.toString(16)}`, data: Buffer.from(bytes).toString('base64') };
  return bytes.length < count ? { ...body, unreadableBytes: count - bytes.length } : body;
}
