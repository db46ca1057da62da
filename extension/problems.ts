// Tells the user, without a modal dialog, why a session cannot start, with a button for each remedy at hand.
// Must not look for problems itself.

import * as vscode from 'vscode';
import { debugType } from './contributions';
import type { Problem, Remedy } from './preconditions';
import { defaultBuildTask, runToEnd } from './tasks';

type Folder = vscode.WorkspaceFolder | undefined;

interface Action {
  title: string;
  run(): Promise<unknown>;
}

/** `config` is what to start once the program is built; without it, F5 is tried anew. */
export async function tellProblem(problem: Problem, folder: Folder, config?: vscode.DebugConfiguration): Promise<void> {
  const actions = await Promise.all(problem.remedies.map((remedy) => actionFor(remedy, folder, config)));
  const chosen = await vscode.window.showErrorMessage(
    problem.message,
    ...actions.filter((action) => action !== undefined),
  );
  await chosen?.run();
}

async function actionFor(
  remedy: Remedy,
  folder: Folder,
  config: vscode.DebugConfiguration | undefined,
): Promise<Action | undefined> {
  switch (remedy) {
    case 'build': {
      const task = await defaultBuildTask();
      return task && { title: 'Build and debug', run: () => buildAndDebug(task, folder, config) };
    }
    case 'openLaunchJson':
      return folder && { title: 'Open launch.json', run: async () => openLaunchJson() };
    case 'openGdbSetting':
      return {
        title: 'Open setting',
        run: async () => vscode.commands.executeCommand('workbench.action.openSettings', 'rollpoint.gdb'),
      };
    case 'manageTrust':
      return {
        title: 'Manage workspace trust',
        run: async () => vscode.commands.executeCommand('workbench.trust.manage'),
      };
  }
}

async function openLaunchJson(): Promise<void> {
  await vscode.commands.executeCommand('workbench.action.debug.configure');
}

async function buildAndDebug(
  task: vscode.Task,
  folder: Folder,
  config: vscode.DebugConfiguration = { type: debugType, request: 'launch', name: '' },
): Promise<void> {
  if (await runToEnd(task)) {
    await vscode.debug.startDebugging(folder, config);
  } else {
    void vscode.window.showErrorMessage(`The build task "${task.name}" failed. Its output is in the terminal.`);
  }
}
