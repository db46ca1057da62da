// Work under way: in the view at once, as a notification when it takes long.
// Must not know what the work is.

import * as vscode from 'vscode';
import { viewId } from './contributions';

/** Milliseconds; longer than this, a request shows itself as a notification too. */
const patienceMs = 700;

export async function withProgress<T>(title: string, work: Promise<T>): Promise<T> {
  const late = setTimeout(() => {
    void vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, () =>
      work.then(
        () => undefined,
        () => undefined,
      ),
    );
  }, patienceMs);
  try {
    return await vscode.window.withProgress({ location: { viewId } }, () => work);
  } finally {
    clearTimeout(late);
  }
}
