// Questions about the past: what an expression was worth at each snapshot, and where it changed.
// Must not know how the adapter answers, nor how the timeline shows it.

import * as vscode from 'vscode';
import { cancelledMessage, type SnapshotId, type SnapshotLocation } from '../adapter/protocol';
import { commandIds, contextKeys, viewId } from './contributions';
import { expressionOf, selectedFrame } from './expression';
import { command } from './notify';
import { withProgress } from './progress';
import type { SessionTracker } from './sessionTracker';
import { findChange, valueHistory } from './snapshotClient';
import { pickSnapshot } from './subject';
import { earlierMoments } from './timeline/branch';
import type { TimelineView } from './timeline/timelineView';

export function registerSearch(tracker: SessionTracker, view: TimelineView): vscode.Disposable {
  const stopped = () => tracker.requireStopped('its past can be searched');

  return vscode.Disposable.from(
    command(commandIds.showHistory, async (given?: unknown) => {
      const { session } = stopped();
      const expression = await expressionOf(given, 'Show history');
      if (!expression) return;
      const { points } = await withProgress(
        `History of ${expression}`,
        valueHistory(session, { expression, ...frame(session) }),
      );
      view.showHistory({ session: session.id, expression, points });
      await vscode.commands.executeCommand(`${viewId}.focus`);
    }),
    command(commandIds.closeHistory, async () => view.showHistory(undefined)),

    command(commandIds.findChange, async (given?: unknown, from?: SnapshotId) => {
      const target = stopped();
      const { session, list } = target;
      const expression = await expressionOf(given, 'Find where it changed');
      const bad = list.peeking ?? list.current;
      if (!expression || bad === null) return;
      const before = earlierMoments(list, bad);
      if (before.length === 0) throw new Error(`There is no snapshot before snapshot ${bad} on its branch.`);
      const title = `Snapshot at which ${expression} was still good`;
      const good = from ?? (await pickSnapshot(target, title, ({ id }) => before.includes(id)))?.id;
      if (good === undefined) return;
      // The adapter tells its progress, which VS Code shows, with a button that cancels.
      const found = await findChange(session, { expression, good, bad, ...frame(session) }).catch((error: Error) => {
        if (error.message !== cancelledMessage) throw error;
        void vscode.window.setStatusBarMessage('The search was cancelled: the program is where it was.', 4000);
      });
      if (!found) return;
      tracker.setContext(contextKeys.foundChange, true);
      const where = found.location ? `, at ${placeOf(found.location)}` : '';
      void vscode.window.showInformationMessage(
        `${expression} changed between snapshots ${found.before} and ${found.after}${where}.`,
      );
    }),
  );
}

function frame(session: vscode.DebugSession): { frameId?: number } {
  const frameId = selectedFrame(session);
  return frameId === undefined ? {} : { frameId };
}

function placeOf({ name, path, line }: SnapshotLocation): string {
  const file = path?.slice(path.lastIndexOf('/') + 1);
  return file ? `${file}:${line ?? '?'} in ${name}` : name;
}
