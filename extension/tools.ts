// Tools for a language model in the editor: what an assistant can ask of the snapshots, and do with them.
// Must not know any model. What keeps a tool from its work is told as text, for the model to act on.

import * as vscode from 'vscode';
import type { SnapshotId } from '../adapter/protocol';
import { toolNames } from './contributions';
import { selectedFrame } from './expression';
import type { SessionTracker } from './sessionTracker';
import { checkRestore, compareSnapshots, findChange, restoreSnapshot, valueHistory } from './snapshotClient';
import { changeText, comparisonText, historyText, listText, momentText, valueText } from './toolText';

interface Work<T> {
  /** What is shown while it works. */
  title: (input: T) => string;
  /** What the user has to agree to; undefined where it changes nothing. */
  question?: (input: T) => Promise<vscode.LanguageModelToolConfirmationMessages>;
  run: (input: T, token: vscode.CancellationToken) => Promise<string> | string;
}

interface Searched {
  expression: string;
}

export function registerTools(tracker: SessionTracker): vscode.Disposable {
  const known = (id: SnapshotId): SnapshotId => {
    const { list } = tracker.require();
    if (list.snapshots.some((snapshot) => snapshot.id === id)) return id;
    const ids = list.snapshots.map((snapshot) => snapshot.id);
    throw new Error(`There is no snapshot ${id}. ${ids.length > 0 ? `There are: ${ids.join(', ')}.` : 'There is none yet.'}`);
  };
  const target = (then: string): vscode.DebugSession => tracker.requireStopped(then).session;
  const frame = (session: vscode.DebugSession): { frameId?: number } => {
    const frameId = selectedFrame(session);
    return frameId === undefined ? {} : { frameId };
  };

  return vscode.Disposable.from(
    tool(toolNames.listSnapshots, {
      title: () => 'Listing the snapshots',
      run: () => {
        const { list, moved } = tracker.require();
        return listText(list, moved);
      },
    }),
    tool<Searched & { snapshot: SnapshotId }>(toolNames.readValue, {
      title: ({ expression, snapshot }) => `Reading ${expression} at snapshot ${snapshot}`,
      run: async ({ expression, snapshot }) => {
        const session = target('a snapshot can be looked at');
        const id = known(snapshot);
        const { points } = await valueHistory(session, { expression, from: id, to: id, ...frame(session) });
        return valueText(expression, points);
      },
    }),
    tool<Searched & { from?: SnapshotId; to?: SnapshotId }>(toolNames.valueHistory, {
      title: ({ expression }) => `Reading the history of ${expression}`,
      run: async ({ expression, from, to }) => {
        const session = target('its past can be searched');
        const range = { ...(from === undefined ? {} : { from: known(from) }), ...(to === undefined ? {} : { to: known(to) }) };
        const { points } = await valueHistory(session, { expression, ...range, ...frame(session) });
        return historyText(expression, points, tracker.require().list.snapshots);
      },
    }),
    tool<Searched & { good: SnapshotId; bad?: SnapshotId }>(toolNames.findChange, {
      title: ({ expression }) => `Finding where ${expression} changed`,
      question: async ({ expression }) => ({
        title: `Find where ${expression} changed?`,
        message: 'The program goes back to the snapshot before the change, and runs from there to the line that made it. The present is kept as a snapshot.',
      }),
      run: async ({ expression, good, bad }, token) => {
        const session = target('its past can be searched');
        const { list } = tracker.require();
        const end = bad ?? list.peeking ?? list.current;
        if (end === null) throw new Error('There is no snapshot at which the value has changed: give its number as "bad".');
        const searched = { expression, good: known(good), bad: known(end), ...frame(session) };
        return changeText(expression, await findChange(session, searched, token));
      },
    }),
    tool<{ from: SnapshotId; to?: SnapshotId; watches?: string[] }>(toolNames.compareSnapshots, {
      title: ({ from, to }) => `Comparing snapshot ${from} with ${momentText(to ?? null)}`,
      run: async ({ from, to, watches = [] }) => {
        const session = target('snapshots can be compared');
        const moments = { from: known(from), to: to === undefined ? null : known(to) };
        return comparisonText(momentText(from), momentText(moments.to), await compareSnapshots(session, { ...moments, watches }));
      },
    }),
    tool<{ snapshot: SnapshotId }>(toolNames.restoreSnapshot, {
      title: ({ snapshot }) => `Restoring snapshot ${snapshot}`,
      question: async ({ snapshot }) => {
        const session = target('a snapshot can be restored');
        const { warnings } = await checkRestore(session, known(snapshot));
        const lost = warnings.map(({ message }) => message).join(' ');
        return {
          title: `Restore snapshot ${snapshot}?`,
          message: ['The program goes back to that moment. The present is kept as a snapshot.', ...(lost ? [`This does not bring everything back: ${lost}`] : [])].join(' '),
        };
      },
      run: async ({ snapshot }) => {
        await restoreSnapshot(target('a snapshot can be restored'), known(snapshot));
        return `The program stands at snapshot ${snapshot}.`;
      },
    }),
  );
}

function tool<T>(name: string, { title, question, run }: Work<T>): vscode.Disposable {
  return vscode.lm.registerTool<T>(name, {
    async prepareInvocation({ input }) {
      // What stands in the way is for the model, not for the user: `invoke` tells it.
      const confirmationMessages = await question?.(input).catch(() => undefined);
      return { invocationMessage: title(input), ...(confirmationMessages ? { confirmationMessages } : {}) };
    },
    async invoke({ input }, token) {
      return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(await answer(() => run(input, token)))]);
    },
  });
}

async function answer(run: () => Promise<string> | string): Promise<string> {
  try {
    return await run();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
