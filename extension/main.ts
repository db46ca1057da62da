// Entry point of the extension: wires its parts together.
// Must hold no logic.

import type * as vscode from 'vscode';
import { registerBranch } from './branch';
import { Comparing } from './compare/compare';
import { registerAdapterFactory } from './adapterFactory';
import { registerCommands } from './commands';
import { registerConfiguration } from './configuration';
import { registerSearch } from './search';
import { registerRestore } from './restore';
import { registerSample } from './sample';
import { SessionTracker } from './sessionTracker';
import { registerPeek } from './peek';
import { registerStatusBar } from './statusBar';
import { emptyList, type TimelineRow } from './timeline/rows';
import { registerTools } from './tools';
import { TimelineView } from './timeline/timelineView';
import type { SnapshotList } from '../adapter/protocol';

/** What other extensions, and the tests, get from `activate`. */
export interface RollpointApi {
  /** The timeline as the view shows it. */
  readonly timeline: readonly TimelineRow[];
  /** What the adapter has told of the snapshots of the session shown. */
  readonly list: SnapshotList;
  /** The session shown has changed, or its snapshots, or whether it is stopped. */
  readonly onDidChange: vscode.Event<void>;
  readonly stopped: boolean;
  /** Context keys, as VS Code has been told of them. */
  readonly contexts: ReadonlyMap<string, boolean>;
}

export function activate(context: vscode.ExtensionContext): RollpointApi {
  const tracker = new SessionTracker();
  const view = new TimelineView(tracker, context.globalState, context.extensionUri);
  const comparing = new Comparing(tracker);
  context.subscriptions.push(
    tracker,
    comparing,
    view,
    registerConfiguration(),
    registerAdapterFactory(context.extensionPath),
    registerCommands(tracker),
    registerPeek(tracker),
    registerRestore(),
    registerSearch(tracker, view),
    registerBranch(tracker, comparing),
    registerSample(context),
    registerStatusBar(tracker),
    registerTools(tracker),
  );
  return {
    get timeline() {
      return view.timeline;
    },
    get list() {
      return tracker.current?.list ?? emptyList;
    },
    get stopped() {
      return tracker.current?.stopped ?? false;
    },
    contexts: tracker.contexts,
    onDidChange: tracker.onDidChange,
  };
}
