// What the tools of a language model answer: plain text, short, with the numbers that other tools take.
// Pure text; must not know VS Code.

import type { Comparison, HistoryPoint, Requests, SnapshotId, SnapshotInfo, SnapshotList, SnapshotLocation } from '../adapter/protocol';
import { count, formatBytes, formatTime, placeOf, positionOf, reasonOf } from './snapshotText';

/** Lines of one kind; the rest is counted. */
const mostLines = 100;

export function listText({ snapshots, current, peeking }: SnapshotList, moved: boolean): string {
  if (snapshots.length === 0) {
    return 'There is no snapshot yet: one is taken at each stop at a breakpoint.';
  }
  const present =
    current === null
      ? 'The program has run on from no snapshot that is still there.'
      : moved
        ? `The present lies after snapshot ${current}.`
        : `The program stands at snapshot ${current}.`;
  const viewing = peeking === null ? [] : [`Snapshot ${peeking} is on screen in place of the present.`];
  const lines = snapshots.map((snapshot) => {
    const { id, parent, label, pinned, exact } = snapshot;
    const notes = [pinned ? 'pinned' : null, exact ? null : 'does not hold everything'].filter((note) => note !== null);
    return [
      `Snapshot ${id}`,
      parent === null ? 'the first' : `after ${parent}`,
      label ? `"${label}"` : null,
      placeOf(snapshot),
      reasonOf(snapshot),
      formatTime(snapshot.createdAt),
      ...notes,
    ]
      .filter((part) => part !== null)
      .join(', ');
  });
  return [`${count(snapshots.length, 'snapshot')}. ${present}`, ...viewing, ...some(lines.reverse(), 'older snapshot').reverse()].join('\n');
}

/** `points`: of one snapshot. */
export function valueText(expression: string, points: readonly HistoryPoint[]): string {
  const [point] = points;
  return point ? `${expression} at snapshot ${point.id}: ${valueOf(point)}` : `There is no snapshot to read "${expression}" at.`;
}

/** Where there are too many, those at which it changed, with the first and the last. */
export function historyText(expression: string, points: readonly HistoryPoint[], snapshots: readonly SnapshotInfo[]): string {
  const changes = points.filter(({ changed }) => changed).length;
  const shown = points.length <= mostLines ? points : points.filter(({ changed }, index) => changed || index === 0 || index === points.length - 1);
  const lines = shown.map((point) => {
    const snapshot = snapshots.find(({ id }) => id === point.id);
    const place = snapshot && placeOf(snapshot);
    return `Snapshot ${point.id}${place ? ` (${place})` : ''}: ${valueOf(point)}${point.changed ? ', changed' : ''}`;
  });
  const title = `${expression} at ${count(points.length, 'snapshot')} of the branch, oldest first: ${count(changes, 'change')}.`;
  return [title, ...some(lines, 'more line')].join('\n');
}

export function changeText(expression: string, { before, after, location }: Requests['rollpoint/findChange']['result']): string {
  const place = location ? ` The program stands at the line that changed it: ${whereText(location)}.` : '';
  return `"${expression}" changed between snapshots ${before} and ${after}.${place}`;
}

export function comparisonText(from: string, to: string, { variables, regions, threads, descriptors, files }: Comparison): string {
  const sections: [string, string[]][] = [
    [
      'Variables',
      variables.map(({ scope, name, function: owner, from: was, to: is }) => {
        const whose = scope === 'local' && owner ? ` in ${owner}` : scope === 'global' ? ', global' : '';
        return `${name}${whose}: ${was ?? 'not there'} → ${is ?? 'not there'}`;
      }),
    ],
    [
      'Memory',
      regions.map(({ start, end, name, change, changedBytes, changedPages }) => {
        const what = change === 'changed' ? `${formatBytes(changedBytes)} in ${count(changedPages, 'page')}` : change;
        return `${start}-${end} ${name || 'without a name'}: ${what}`;
      }),
    ],
    [
      'Threads',
      threads.map(({ tid, name, change, from: was, to: is }) => {
        const places = [was, is].map((place) => (place ? whereText(place) : 'not there')).join(' → ');
        return `${tid} ${name}: ${change}, ${places}`;
      }),
    ],
    ['Descriptors', descriptors.map(({ descriptor, from: was, to: is }) => `${descriptor}: ${was ?? 'closed'} → ${is ?? 'closed'}`)],
    ['Files', files.map(({ path, change, from: was, to: is }) => `${path}: ${change}${was !== null && is !== null && was !== is ? `, ${was} → ${is} bytes` : ''}`)],
  ];
  const told = sections.filter(([, lines]) => lines.length > 0).flatMap(([name, lines]) => [`${name}:`, ...some(lines, 'more line')]);
  return [`From ${from} to ${to}:`, ...(told.length > 0 ? told : ['Nothing differs.'])].join('\n');
}

export function momentText(id: SnapshotId | null): string {
  return id === null ? 'the present' : `snapshot ${id}`;
}

export function whereText(location: SnapshotLocation): string {
  const position = positionOf(location);
  return position ? `${position} in ${location.name}` : location.name;
}

function valueOf({ value, type, message }: HistoryPoint): string {
  return value === null ? `no value (${message ?? 'not there'})` : `${value}${type ? ` (${type})` : ''}`;
}

function some(lines: string[], noun: string): string[] {
  const left = lines.length - mostLines;
  return left > 0 ? [...lines.slice(0, mostLines), `… and ${count(left, noun)}.`] : lines;
}
