// When a stop of the debuggee takes a snapshot by itself, and what that snapshot gives as its reason.
// Pure policy on values; must not know gdb, DAP objects or the core.
import type { AutoSnapshot, SnapshotReason } from '../protocol';

/** A stop as the session reports it to the user. */
export interface Stop {
  /** Reason as in the DAP `stopped` event: `breakpoint`, `step`, `exception`, `pause`, `entry`, `goto` … */
  kind: string;
  /** The stop that a restore makes: the process stands on a snapshot already. */
  restoring: boolean;
}

const reasons: Record<string, SnapshotReason> = {
  breakpoint: 'breakpoint',
  'function breakpoint': 'breakpoint',
  'data breakpoint': 'breakpoint',
  'instruction breakpoint': 'breakpoint',
  exception: 'exception',
  step: 'step',
  goto: 'step',
  entry: 'entry',
  pause: 'pause',
  exit: 'exit',
};

export function reasonOf(stop: Stop): SnapshotReason {
  return reasons[stop.kind] ?? 'pause';
}

export function shouldTake(stop: Stop, policy: AutoSnapshot): boolean {
  if (stop.restoring || policy === 'off') {
    return false;
  }
  const reason = reasonOf(stop);
  return policy === 'everyStop' || reason === 'breakpoint' || reason === 'exception' || reason === 'exit';
}
