// How a snapshot reads in the view, in quick picks and in messages.
// Pure text; must not know VS Code.

import type { SnapshotId, SnapshotInfo, SnapshotList, SnapshotReason, SnapshotWarning } from '../adapter/protocol';

/** A snapshot as it stands on the timeline. */
export interface Shown {
  snapshot: SnapshotInfo;
  /** The process stands on this snapshot, or has run on from it. */
  current: boolean;
  /** First snapshot of a branch that leaves an older line. */
  branch: boolean;
}

const reasons: Record<SnapshotReason, string> = {
  breakpoint: 'breakpoint',
  step: 'step',
  exception: 'exception',
  manual: 'by hand',
  restore: 'before a restore',
  entry: 'entry',
  pause: 'pause',
  exit: 'at exit',
};

/** The user's label, else `function  file:line`, else the number. */
export function labelOf(snapshot: SnapshotInfo): string {
  return snapshot.label ?? placeOf(snapshot) ?? `Snapshot ${snapshot.id}`;
}

/** `function  file:line`, with two spaces; null where gdb knew nothing. */
export function placeOf({ location }: SnapshotInfo): string | null {
  if (!location) return null;
  const position = positionOf(location);
  return position ? `${location.name}  ${position}` : location.name;
}

export function descriptionOf({ snapshot, current, branch }: Shown): string {
  const position = snapshot.label && snapshot.location ? positionOf(snapshot.location) : null;
  return [
    current ? 'current' : null,
    branch ? 'branch' : null,
    `#${snapshot.id}`,
    position,
    reasonOf(snapshot),
    formatTime(snapshot.createdAt),
    formatBytes(snapshot.bytes),
    formatMicros(snapshot.pauseMicros),
  ]
    .filter((part) => part !== null)
    .join(' · ');
}

export function reasonOf(snapshot: SnapshotInfo): string {
  return reasons[snapshot.reason] ?? snapshot.reason;
}

/** Everything that is known of a snapshot, as name and value. */
export function detailsOf({ snapshot, current, branch }: Shown): [name: string, value: string][] {
  const rows: [string, string | null][] = [
    ['Place', placeOf(snapshot)],
    ['Taken', `${formatTime(snapshot.createdAt)}.${milliseconds(snapshot.createdAt)}, ${reasonOf(snapshot)}`],
    ['Thread', String(snapshot.threadId)],
    ['Adds', `${formatBytes(snapshot.bytes)} (${count(snapshot.pages, 'page')})`],
    ['Pause', formatMicros(snapshot.pauseMicros)],
    ['Ran on from', snapshot.parent === null ? null : `snapshot ${snapshot.parent}${branch ? ', as a branch' : ''}`],
    ['Kept', snapshot.pinned ? 'pinned: stays until you delete it' : null],
    ['Current', current ? 'the program stands on it or has run on from it' : null],
    ['Source', snapshot.location?.path ?? null],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== null);
}

/** One question for one notification. */
export function restoreQuestion(id: SnapshotId, warnings: readonly SnapshotWarning[]): string {
  const messages = warnings.map(({ message }) => message);
  const [only] = messages;
  if (messages.length === 1) return `Restoring snapshot ${id} does not bring everything back. ${only}`;
  return `Restoring snapshot ${id} does not bring everything back: ${messages.map((text, index) => `(${index + 1}) ${text}`).join(' ')}`;
}

/** Binary units, as the settings take them. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function formatMicros(micros: number): string {
  if (micros < 1000) return `${Math.round(micros)} µs`;
  if (micros < 10_000) return `${(micros / 1000).toFixed(1)} ms`;
  if (micros < 1_000_000) return `${Math.round(micros / 1000)} ms`;
  return `${(micros / 1_000_000).toFixed(1)} s`;
}

/** Local time of day, `14:05:09`. */
export function formatTime(milliseconds: number): string {
  const date = new Date(milliseconds);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

export function totalBytes(list: SnapshotList): number {
  return list.snapshots.reduce((sum, snapshot) => sum + snapshot.bytes, 0);
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** `file:line`. */
export function positionOf({ path, line }: { path?: string; line?: number }): string | null {
  const file = path?.slice(path.lastIndexOf('/') + 1);
  if (!file) return null;
  return line === undefined ? file : `${file}:${line}`;
}

function milliseconds(time: number): string {
  return String(new Date(time).getMilliseconds()).padStart(3, '0');
}
