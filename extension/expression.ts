// Which expression a command is about: the variable or watch that it was chosen on, else what is selected, else typed.
// Must not know what becomes of it.

import * as vscode from 'vscode';

/** What VS Code hands over: a row of Variables (`variable`) or of Watch (`name`); an expression from code. */
interface Chosen {
  variable?: { name: string; evaluateName?: string };
  name?: string;
  expression?: string;
}

export async function expressionOf(given: unknown, title: string): Promise<string | undefined> {
  if (typeof given === 'string' && given.trim()) return given.trim();
  const { variable, name, expression } = (given ?? {}) as Chosen;
  const chosen = variable?.evaluateName || variable?.name || expression || name;
  if (chosen) return chosen;
  const editor = vscode.window.activeTextEditor;
  const selected = editor?.document.getText(editor.selection.isEmpty ? wordAt(editor) : editor.selection);
  const typed = await vscode.window.showInputBox({
    title,
    prompt: 'Expression, as in Watch.',
    value: selected ?? '',
    ignoreFocusOut: true,
  });
  return typed?.trim() || undefined;
}

/** The frame in which it is meant: that which the user has selected. */
export function selectedFrame(session: vscode.DebugSession): number | undefined {
  const item = vscode.debug.activeStackItem;
  return item instanceof vscode.DebugStackFrame && item.session.id === session.id ? item.frameId : undefined;
}

function wordAt(editor: vscode.TextEditor): vscode.Range {
  return editor.document.getWordRangeAtPosition(editor.selection.active) ?? editor.selection;
}
