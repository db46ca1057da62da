// The timeline as rows to show: one per snapshot in the order of time, and one for the present where it is on none.
// Pure: values in, values out; must not know VS Code, the session, or how a row is drawn.

import type { SnapshotId, SnapshotInfo, SnapshotList, SnapshotReason } from '../../adapter/protocol';
import { count, detailsOf, formatBytes, formatMicros, formatTime, labelOf, positionOf, reasonOf } from '../snapshotText';
import { type ShownValue, shownValues, type ValueHistory } from './history';
import { assignLanes, type LaneRow } from './lanes';

/** What the session shown is like at this moment. */
export interface TimelineState {
  list: SnapshotList;
  /** The program may differ from the current snapshot: it has run on, or the user has changed it. */
  moved: boolean;
  stopped: boolean;
  /** Of which the rows show the values. */
  history?: ValueHistory | undefined;
}

/** In place of a snapshot's id: the present. Snapshots count from 1. */
export const presentId = 0;

export interface TimelineRow {
  /** Of the snapshot, or `presentId`. */
  id: number;
  parent: SnapshotId | null;
  /** Which icon stands for it. */
  kind: SnapshotReason | 'present';
  label: string;
  /** The rest, in one line. */
  description: string;
  time: string;
  /** What it adds, as text and in bytes (for the bar). */
  added: string;
  bytes: number;
  /** In a history: what the value was, and where in the plot it lies. */
  value: ShownValue | null;
  current: boolean;
  /** The user has given it the label. */
  named: boolean;
  pinned: boolean;
  warnings: string[];
  /** All that a screen reader says of it. */
  spoken: string;
  graph: LaneRow;
}

export const emptyList: SnapshotList = { snapshots: [], current: null, peeking: null };

export function timelineRows({ list, moved, stopped, history }: TimelineState): TimelineRow[] {
  const snapshots = [...list.snapshots].sort((a, b) => a.id - b.id);
  if (snapshots.length === 0) return [];
  const known = snapshots.some(({ id }) => id === list.current);
  const present = moved || !known;
  const points: { id: number; parent: number | null }[] = snapshots.map(({ id, parent }) => ({ id, parent }));
  if (present) points.push({ id: presentId, parent: known ? list.current : null });
  const graphs = assignLanes(points, present ? presentId : list.current);
  const values = history ? shownValues(history.points) : undefined;
  const rows = snapshots.map((snapshot, row) =>
    rowOf(snapshot, snapshot.id === list.current, graphs[row] as LaneRow, values?.get(snapshot.id) ?? null),
  );
  if (present) rows.push(presentRow(known ? list.current : null, stopped, graphs[snapshots.length] as LaneRow));
  return rows;
}

/** How many rows at the beginning are the same in both: those need not be sent again. */
export function commonRows(before: readonly TimelineRow[], after: readonly TimelineRow[]): number {
  let same = 0;
  while (same < before.length && same < after.length && JSON.stringify(before[same]) === JSON.stringify(after[same])) {
    same += 1;
  }
  return same;
}

/** Name and value of all that is known of a row's snapshot, and what it does not hold. */
export interface RowDetails {
  title: string;
  facts: [name: string, value: string][];
  warnings: string[];
}

export function rowDetails(row: TimelineRow, snapshot: SnapshotInfo | undefined): RowDetails {
  if (!snapshot) return { title: row.label, facts: [], warnings: [row.description] };
  return {
    title: `Snapshot ${snapshot.id}${snapshot.label ? `: ${snapshot.label}` : ''}`,
    facts: detailsOf({ snapshot, current: row.current, branch: row.graph.branch }),
    warnings: row.warnings,
  };
}

function rowOf(snapshot: SnapshotInfo, current: boolean, graph: LaneRow, value: ShownValue | null): TimelineRow {
  const { id, label, reason, createdAt, bytes, pauseMicros, pinned, warnings, location, threadId } = snapshot;
  const position = label && location ? positionOf(location) : null;
  const messages = warnings.map(({ message }) => message);
  const time = formatTime(createdAt);
  const spoken = [
    `${current ? 'Current snapshot' : 'Snapshot'} ${id}`,
    labelOf(snapshot),
    value ? `value ${value.text}${value.changed ? ', changed' : ''}` : null,
    position,
    reasonOf(snapshot),
    graph.branch && snapshot.parent !== null ? `branch from snapshot ${snapshot.parent}` : null,
    pinned ? 'pinned' : null,
    time,
    `adds ${formatBytes(bytes)}`,
    messages.length > 0 ? `${count(messages.length, 'warning')}: ${messages.join(' ')}` : null,
  ];
  return {
    id,
    parent: snapshot.parent,
    kind: reason,
    label: labelOf(snapshot),
    description: joined([`#${id}`, value && value.text, position, reasonOf(snapshot), `thread ${threadId}`, time, formatMicros(pauseMicros)]),
    time,
    added: formatBytes(bytes),
    bytes,
    value,
    current,
    named: label !== null,
    pinned,
    warnings: messages,
    spoken: joined(spoken, ', '),
    graph,
  };
}

function presentRow(from: SnapshotId | null, stopped: boolean, graph: LaneRow): TimelineRow {
  const since = from === null ? '' : ` since snapshot ${from}`;
  const description = stopped ? `Stopped; has run or was changed${since}` : `Running${since}`;
  return {
    id: presentId,
    parent: from,
    kind: 'present',
    label: 'Now',
    description,
    time: '',
    added: '',
    bytes: 0,
    value: null,
    current: false,
    named: false,
    pinned: false,
    warnings: [],
    spoken: `Now. ${description}`,
    graph,
  };
}

function joined(parts: (string | null)[], separator = ' · '): string {
  return parts.filter((part) => part !== null).join(separator);
}
