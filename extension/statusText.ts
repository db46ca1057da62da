// What the status bar says of the snapshots of a session.
// Pure text; must not know VS Code.

import type { SnapshotList, SnapshotNotice } from '../adapter/protocol';
import { count, formatBytes, formatMicros, totalBytes } from './snapshotText';

export interface Status {
  text: string;
  /** The same, to be said by a screen reader. */
  spoken: string;
  facts: [name: string, value: string][];
  /** The last ones, newest first. */
  notices: string[];
}

const mostNotices = 5;

export function statusOf({ list, notices }: { list: SnapshotList; notices: readonly SnapshotNotice[] }): Status {
  const { snapshots } = list;
  const youngest = snapshots.reduce((a, b) => (b.id > a.id ? b : a));
  const number = (kind: SnapshotNotice['kind']): number => notices.filter((notice) => notice.kind === kind).length;
  const [evicted, skipped] = [number('evicted'), number('skipped')];
  const [bytes, pause] = [formatBytes(totalBytes(list)), formatMicros(youngest.pauseMicros)];
  const lost = [evicted > 0 ? `${evicted} evicted` : null, skipped > 0 ? `${skipped} skipped` : null].filter((part) => part !== null);
  return {
    text: [snapshots.length, bytes, pause, ...lost].join(' · '),
    spoken: [count(snapshots.length, 'snapshot'), bytes, `last pause ${pause}`, ...lost].join(', '),
    facts: [
      ['Snapshots', String(snapshots.length)],
      ['Memory', bytes],
      [`Pause for snapshot ${youngest.id}`, pause],
    ],
    notices: notices.slice(-mostNotices).map(({ message }) => message).reverse(),
  };
}
