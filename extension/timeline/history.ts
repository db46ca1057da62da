// The history of a value as the timeline shows it: texts, where it changed, and a plot of numbers.
// Pure: values in, values out; must not know VS Code.

import type { HistoryPoint, SnapshotId } from '../../adapter/protocol';

export interface ValueHistory {
  expression: string;
  points: readonly HistoryPoint[];
}

export interface ShownValue {
  text: string;
  /** It differs from the snapshot before. */
  changed: boolean;
  /** Between the least (0) and the greatest (1) of the numbers; null where it is no number. */
  share: number | null;
}

export function shownValues(points: readonly HistoryPoint[]): Map<SnapshotId, ShownValue> {
  const numbers = points.map(({ value }) => numberOf(value)).filter((number) => number !== null);
  const least = Math.min(...numbers);
  const range = Math.max(...numbers) - least;
  const several = new Set(points.flatMap(({ threadId, tid = threadId }) => tid ?? [])).size > 1;
  return new Map(
    points.map(({ id, value, changed, tid, threadId = tid, message }) => {
      const number = numberOf(value);
      const share = number === null ? null : range === 0 ? 1 : (number - least) / range;
      const text = value ?? message ?? 'not there';
      return [id, { text: several && threadId !== undefined ? `${text} in thread ${threadId}` : text, changed, share }];
    }),
  );
}

export function historyText({ expression, points }: ValueHistory): string {
  const changes = points.filter(({ changed }) => changed).length;
  return `History of ${expression}: ${changes === 0 ? 'no change' : changes === 1 ? '1 change' : `${changes} changes`}`;
}

/** What gdb shows for a number, also with a character or a name behind it (`97 'a'`). */
function numberOf(value: string | null): number | null {
  const match = /^[-+]?(0x[0-9a-f]+|\d+(\.\d*)?(e[-+]?\d+)?)(?= |$)/i.exec(value ?? '');
  if (!match) return null;
  const number = Number(match[0]);
  return Number.isFinite(number) ? number : null;
}
