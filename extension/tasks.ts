// The default build task: finds it and runs it to its end.
// Must not know what the build is for.

import * as vscode from 'vscode';

export async function defaultBuildTask(): Promise<vscode.Task | undefined> {
  const tasks = await vscode.tasks.fetchTasks();
  return tasks.find(({ group }) => group?.id === vscode.TaskGroup.Build.id && group.isDefault);
}

/** True when the task ended with exit code 0. */
export async function runToEnd(task: vscode.Task): Promise<boolean> {
  const disposables: vscode.Disposable[] = [];
  try {
    return await new Promise<boolean>((resolve, reject) => {
      let execution: vscode.TaskExecution | undefined;
      disposables.push(
        vscode.tasks.onDidEndTaskProcess((event) => {
          if (event.execution === execution) resolve(event.exitCode === 0);
        }),
        // A task without a process of its own (a compound, say) only ends.
        vscode.tasks.onDidEndTask((event) => {
          if (event.execution === execution) setImmediate(() => resolve(true));
        }),
      );
      vscode.tasks.executeTask(task).then((started) => (execution = started), reject);
    });
  } finally {
    vscode.Disposable.from(...disposables).dispose();
  }
}
