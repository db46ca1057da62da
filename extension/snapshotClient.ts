// Typed access to the adapter's custom requests and its event.
// Must know no more of the adapter than adapter/protocol.ts.

import type { CancellationToken, DebugSession } from 'vscode';
import type {
  Events,
  Moment,
  RequestName,
  Requests,
  RestoreCheck,
  RestoreQuestion,
  SnapshotId,
  SnapshotInfo,
  SnapshotList,
  SnapshotNotice,
} from '../adapter/protocol';

/** The part of a debug session that requests need. */
export type RequestTarget = Pick<DebugSession, 'customRequest'>;

async function request<R extends RequestName>(
  target: RequestTarget,
  name: R,
  args: Requests[R]['args'],
): Promise<Requests[R]['result']> {
  return (await target.customRequest(name, args)) as Requests[R]['result'];
}

export async function takeSnapshot(target: RequestTarget, label?: string): Promise<SnapshotInfo> {
  return (await request(target, 'rollpoint/takeSnapshot', label ? { label } : {})).snapshot;
}

export function listSnapshots(target: RequestTarget): Promise<SnapshotList> {
  return request(target, 'rollpoint/listSnapshots', {});
}

export async function restoreSnapshot(target: RequestTarget, id: SnapshotId): Promise<void> {
  await request(target, 'rollpoint/restoreSnapshot', { id });
}

export function checkRestore(target: RequestTarget, id: SnapshotId): Promise<RestoreCheck> {
  return request(target, 'rollpoint/checkRestore', { id });
}

export async function answerRestore(
  target: RequestTarget,
  args: Requests['rollpoint/answerRestore']['args'],
): Promise<void> {
  await request(target, 'rollpoint/answerRestore', args);
}

/** null: the present. */
export async function peekSnapshot(target: RequestTarget, id: Moment): Promise<void> {
  await request(target, 'rollpoint/peekSnapshot', { id });
}

export function valueHistory(
  target: RequestTarget,
  args: Requests['rollpoint/valueHistory']['args'],
): Promise<Requests['rollpoint/valueHistory']['result']> {
  return request(target, 'rollpoint/valueHistory', args);
}

let searches = 0;

/** Where `token` is cancelled the search fails, and the program is where it was. */
export async function findChange(
  target: RequestTarget,
  args: Requests['rollpoint/findChange']['args'],
  token?: CancellationToken,
): Promise<Requests['rollpoint/findChange']['result']> {
  searches += 1;
  const progressId = `rollpoint-search-${searches}`;
  const found = request(target, 'rollpoint/findChange', { ...args, progressId });
  // What has ended meanwhile, be it the session, cannot be cancelled any more.
  const cancel = (): void => void target.customRequest('cancel', { progressId }).then(undefined, () => undefined);
  if (token?.isCancellationRequested) cancel();
  const listener = token?.onCancellationRequested(cancel);
  try {
    return await found;
  } finally {
    listener?.dispose();
  }
}

export function compareSnapshots(
  target: RequestTarget,
  args: Requests['rollpoint/compareSnapshots']['args'],
): Promise<Requests['rollpoint/compareSnapshots']['result']> {
  return request(target, 'rollpoint/compareSnapshots', args);
}

export function readSnapshotMemory(
  target: RequestTarget,
  args: Requests['rollpoint/readSnapshotMemory']['args'],
): Promise<Requests['rollpoint/readSnapshotMemory']['result']> {
  return request(target, 'rollpoint/readSnapshotMemory', args);
}

export function branchWith(
  target: RequestTarget,
  args: Requests['rollpoint/branchWith']['args'],
): Promise<Requests['rollpoint/branchWith']['result']> {
  return request(target, 'rollpoint/branchWith', args);
}

export async function updateSnapshot(
  target: RequestTarget,
  args: Requests['rollpoint/updateSnapshot']['args'],
): Promise<SnapshotInfo> {
  return (await request(target, 'rollpoint/updateSnapshot', args)).snapshot;
}

export async function deleteSnapshot(target: RequestTarget, id: SnapshotId): Promise<void> {
  await request(target, 'rollpoint/deleteSnapshot', { id });
}

/** An event as VS Code hands it over, or as it passes by. */
interface EventMessage {
  event?: string;
  body?: unknown;
}

/** The list that a `rollpoint/snapshotsChanged` event carries; undefined for any other event. */
export function changedList(event: EventMessage): SnapshotList | undefined {
  return bodyOf(event, 'rollpoint/snapshotsChanged');
}

export function questionOf(event: EventMessage): RestoreQuestion | undefined {
  return bodyOf(event, 'rollpoint/confirmRestore');
}

export function noticeOf(event: EventMessage): SnapshotNotice | undefined {
  return bodyOf(event, 'rollpoint/snapshotNotice');
}

function bodyOf<E extends keyof Events>(
  event: EventMessage,
  name: E,
): Events[E] | undefined {
  return event.event === name ? (event.body as Events[E]) : undefined;
}
