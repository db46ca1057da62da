// Entry point of the extension: wires its parts together.
// Must hold no logic.

import type * as vscode from 'vscode';
import { registerAdapterFactory } from './adapterFactory';
import { registerCommands } from './commands';
import { registerConfiguration } from './configuration';
import { SessionTracker } from './sessionTracker';
import type { SnapshotNode } from './snapshotModel';
import { SnapshotsView } from './timeline/snapshotsView';

/** What other extensions, and the tests, get from `activate`. */
export interface RollpointApi {
  /** The timeline as the view shows it. */
  readonly tree: readonly SnapshotNode[];
  /** The session shown has changed, or its snapshots, or whether it is stopped. */
  readonly onDidChange: vscode.Event<void>;
  readonly stopped: boolean;
}

export function activate(context: vscode.ExtensionContext): RollpointApi {
  const tracker = new SessionTracker();
  const view = new SnapshotsView(tracker, context.globalState);
  context.subscriptions.push(
    tracker,
    view,
    registerConfiguration(),
    registerAdapterFactory(context.extensionPath),
    registerCommands(tracker, view),
  );
  return {
    get tree() {
      return view.tree;
    },
    get stopped() {
      return tracker.current?.stopped ?? false;
    },
    onDidChange: tracker.onDidChange,
  };
}
