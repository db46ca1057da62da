// A restore as the user asks for it: what it would not bring back is told first, and the user decides.
// Must not know where the wish comes from.

import * as vscode from 'vscode';
import type { SnapshotId } from '../adapter/protocol';
import { withProgress } from './progress';
import { checkRestore, restoreSnapshot } from './snapshotClient';
import { restoreQuestion } from './snapshotText';

/** Sessions whose user does not want to be asked again. */
const decided = new WeakSet<vscode.DebugSession>();

const anyway = 'Restore anyway';
const always = "Restore, don't ask again in this session";

/** False when the user turned away, or the restore would be refused (and that was told). */
export async function restoreChecked(session: vscode.DebugSession, id: SnapshotId): Promise<boolean> {
  if (!decided.has(session)) {
    const check = await checkRestore(session, id);
    const refusal = check.warnings.find(({ kind }) => kind === 'refused');
    if (refusal) throw new Error(refusal.message);
    if (!check.exact) {
      const choice = await vscode.window.showWarningMessage(restoreQuestion(id, check.warnings), anyway, always);
      if (!choice) return false;
      if (choice === always) decided.add(session);
    }
  }
  await withProgress(`Restoring snapshot ${id}`, restoreSnapshot(session, id));
  return true;
}
