// A restore as the user asks for it: what it would not bring back is told first, and the user decides. The same where the
// adapter asks, before what leads to a restore by itself. Must not know where the wish comes from.

import * as vscode from 'vscode';
import type { SnapshotId, SnapshotWarning } from '../adapter/protocol';
import { withProgress } from './progress';
import { answerRestore, checkRestore, questionOf, restoreSnapshot } from './snapshotClient';
import { restoreQuestion } from './snapshotText';

/** Sessions whose user does not want to be asked again. */
const decided = new WeakSet<vscode.DebugSession>();

const questions = new vscode.EventEmitter<void>();
/** From now on the user decides how long it takes. */
export const onDidAsk = questions.event;

const anyway = 'Restore anyway';
const always = "Restore, don't ask again in this session";

export function registerRestore(): vscode.Disposable {
  return vscode.debug.onDidReceiveDebugSessionCustomEvent(async (event) => {
    const asked = questionOf(event);
    if (!asked) return;
    const restore = await isWanted(event.session, asked.id, asked.warnings);
    // The session may have ended over the question.
    await answerRestore(event.session, { question: asked.question, restore }).catch(() => undefined);
  });
}

async function isWanted(session: vscode.DebugSession, id: SnapshotId, warnings: readonly SnapshotWarning[]): Promise<boolean> {
  if (decided.has(session)) return true;
  questions.fire();
  const choice = await vscode.window.showWarningMessage(restoreQuestion(id, warnings), anyway, always);
  if (choice === always) decided.add(session);
  return choice !== undefined;
}

/** False when the user turned away, or the restore would be refused (and that was told). */
export async function restoreChecked(session: vscode.DebugSession, id: SnapshotId): Promise<boolean> {
  if (!decided.has(session)) {
    const check = await checkRestore(session, id);
    const refusal = check.warnings.find(({ kind }) => kind === 'refused');
    if (refusal) throw new Error(refusal.message);
    if (!check.exact && !(await isWanted(session, id, check.warnings))) return false;
  }
  await withProgress(`Restoring snapshot ${id}`, restoreSnapshot(session, id));
  return true;
}
