// The sample project for who has no program at hand: a copy of it where the user says, and an offer to open that.
// Must not know what is in it.

import * as vscode from 'vscode';
import { commandIds } from './contributions';
import { command } from './notify';

const name = 'rollpoint-sample';
const built = 'build';

export function registerSample({ extensionUri, extensionMode }: vscode.ExtensionContext): vscode.Disposable {
  const from = vscode.Uri.joinPath(extensionUri, extensionMode === vscode.ExtensionMode.Production ? 'sample' : 'test/sample');
  // `parent`: where the copy goes; without it the user is asked. Gives the copy, undefined where the user wants none.
  return command(commandIds.openSample, async (parent?: vscode.Uri) => {
    const place = parent ?? (await askForFolder());
    if (!place) {
      return undefined;
    }
    const folder = vscode.Uri.joinPath(place, name);
    // What the user has changed in it since stays.
    if (!(await exists(folder))) {
      for (const [entry] of await vscode.workspace.fs.readDirectory(from)) {
        if (entry !== built) {
          await vscode.workspace.fs.copy(vscode.Uri.joinPath(from, entry), vscode.Uri.joinPath(folder, entry));
        }
      }
    }
    void offer(folder);
    return folder;
  });
}

async function askForFolder(): Promise<vscode.Uri | undefined> {
  const [folder] =
    (await vscode.window.showOpenDialog({
      canSelectFiles: false,
      canSelectFolders: true,
      title: `Where is the folder ${name} to be?`,
      openLabel: 'Copy the sample here',
    })) ?? [];
  return folder;
}

const exists = (uri: vscode.Uri): Promise<boolean> =>
  Promise.resolve(vscode.workspace.fs.stat(uri)).then(
    () => true,
    () => false,
  );

async function offer(folder: vscode.Uri): Promise<void> {
  const here = 'Open';
  const apart = 'Open in new window';
  const answer = await vscode.window.showInformationMessage(`The sample project is in ${folder.fsPath}.`, here, apart);
  if (answer) {
    await vscode.commands.executeCommand('vscode.openFolder', folder, { forceNewWindow: answer === apart });
  }
}
