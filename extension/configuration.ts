// The configuration provider: offers configurations, completes one at F5, refuses one that cannot work and says why.
// Must not start sessions but for the one that a build, offered here, was meant for.

import * as path from 'node:path';
import * as vscode from 'vscode';
import { commandIds, contextKeys, debugType, settingsSection } from './contributions';
import { attachConfiguration, launchConfiguration, type Settings, withSettings } from './launchDefaults';
import { type Attributes, type Problem, problemWith, problemWithGdb, problemWithHost, type Surroundings } from './preconditions';
import { command } from './notify';
import { tellProblem } from './problems';
import { findCommand, findPrograms, programBeside, stateOfProgram } from './programs';
import { defaultBuildTask } from './tasks';

const languages = ['c', 'cpp', 'rust'];
const maxOffered = 8;

type Config = vscode.DebugConfiguration;
type Folder = vscode.WorkspaceFolder | undefined;

export function registerConfiguration(): vscode.Disposable {
  const { Initial, Dynamic } = vscode.DebugConfigurationProviderTriggerKind;
  return vscode.Disposable.from(
    command(commandIds.checkGdb, checkGdb),
    vscode.debug.registerDebugConfigurationProvider(
      debugType,
      {
        provideDebugConfigurations: async (folder) => (await offered(folder)).slice(0, 1),
        resolveDebugConfiguration: resolve,
        resolveDebugConfigurationWithSubstitutedVariables: check,
      },
      Initial,
    ),
    vscode.debug.registerDebugConfigurationProvider(
      debugType,
      { provideDebugConfigurations: async (folder) => [...(await offered(folder)), attachConfiguration()] },
      Dynamic,
    ),
  );
}

async function checkGdb(): Promise<void> {
  const folder = vscode.workspace.workspaceFolders?.[0];
  const gdb = settings(folder).gdb || 'gdb';
  const around = surroundings();
  const problem = problemWithHost({ ...around, trusted: true }) ?? (await problemWithGdb(gdb, around.searchPath));
  await vscode.commands.executeCommand('setContext', contextKeys.gdbFound, problem === undefined);
  if (problem) await tellProblem(problem, folder);
  else void vscode.window.showInformationMessage(`gdb is there: ${await findCommand(gdb, around.searchPath)}.`);
}

async function offered(folder: Folder): Promise<Config[]> {
  const root = folder?.uri.fsPath;
  const programs = root ? await findPrograms(root) : [];
  if (programs.length === 0) return [launchConfiguration(path.join(root ?? '${workspaceFolder}', 'a.out'), root)];
  return programs.slice(0, maxOffered).map((program) => launchConfiguration(program, root));
}

async function resolve(folder: Folder, given: Config): Promise<Config | undefined> {
  const problem = problemWithHost(surroundings());
  if (problem) return refuse(problem, folder, given);
  const config = isEmpty(given) ? await fromEditor(folder) : { ...given };
  if (!config) return undefined;
  if (config.request === 'attach') config['pid'] ??= attachConfiguration().pid;
  else if (folder) config['cwd'] ??= folder.uri.fsPath;
  return withSettings(config, settings(folder));
}

async function check(folder: Folder, given: Config): Promise<Config | undefined> {
  const config = { ...given };
  if (config.request === 'launch' && typeof config['program'] === 'string' && config['program']) {
    const directory: unknown = config['cwd'];
    config['program'] = await locate(config['program'], typeof directory === 'string' ? directory : folder?.uri.fsPath);
  }
  const problem = await problemWith(config as unknown as Attributes, surroundings());
  return problem ? refuse(problem, folder, given) : { ...config, confirmRestore: true };
}

/** F5 without launch.json comes as a configuration without type, request and name. */
function isEmpty(config: Config): boolean {
  return !config.name && !config['program'] && config['pid'] === undefined;
}

async function fromEditor(folder: Folder): Promise<Config | undefined> {
  const editor = vscode.window.activeTextEditor;
  if (!editor || !languages.includes(editor.document.languageId)) {
    return refuse(
      {
        message: 'Rollpoint does not know what to debug. Open a C, C++ or Rust file, or write a launch.json.',
        remedies: ['openLaunchJson'],
      },
      folder,
    );
  }
  const root = folder?.uri.fsPath;
  const source = editor.document.uri.fsPath;
  const program = (await programBeside(source)) ?? (root ? await chooseProgram(root) : undefined);
  if (!program) return undefined;
  if (program === 'none') {
    return refuse(
      {
        message: `No program was found for ${path.basename(source)}. Build it with -g, or name the program in launch.json.`,
        remedies: ['build', 'openLaunchJson'],
      },
      folder,
    );
  }
  const build = (await defaultBuildTask()) ? { preLaunchTask: '${defaultBuildTask}' } : {};
  return { ...launchConfiguration(program, root), ...build };
}

/** `none`: there is no program; undefined: the user turned away. */
async function chooseProgram(root: string): Promise<string | undefined> {
  const programs = await findPrograms(root);
  if (programs.length < 2) return programs[0] ?? 'none';
  const picked = await vscode.window.showQuickPick(
    programs.map((program) => ({ label: path.basename(program), description: path.relative(root, program), program })),
    { title: 'Debug with Rollpoint', placeHolder: 'Program to debug' },
  );
  return picked?.program;
}

/** A path below the working directory, or a command's name such as `python3`, as an absolute path. */
async function locate(program: string, directory: string | undefined): Promise<string> {
  const file = path.resolve(directory ?? '.', program);
  if (program.includes('/') || (await stateOfProgram(file)) !== 'missing') return file;
  return (await findCommand(program, process.env['PATH'] ?? '')) ?? file;
}

/** Ends the start of the session. The message does not hold it up: it may stay open for as long as it likes. */
function refuse(problem: Problem, folder: Folder, config?: Config): undefined {
  void tellProblem(problem, folder, config);
  return undefined;
}

function surroundings(): Surroundings {
  return {
    platform: process.platform,
    architecture: process.arch,
    searchPath: process.env['PATH'] ?? '',
    trusted: vscode.workspace.isTrusted,
  };
}

function settings(folder: Folder): Settings {
  const section = vscode.workspace.getConfiguration(settingsSection, folder);
  return {
    gdb: section.get('gdb'),
    auto: section.get('snapshots.auto'),
    memoryLimit: section.get('snapshots.memoryLimit'),
    files: section.get('snapshots.files'),
    children: section.get('snapshots.children'),
  };
}
