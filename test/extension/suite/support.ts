// Steps of the story that the tests tell: start, wait for a stop, look at the program, look at the timeline.
import { expect } from 'chai';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { SnapshotInfo } from '../../../adapter/protocol';
import type { RollpointApi } from '../../../extension/main';

export const folder = vscode.workspace.workspaceFolders?.[0] as vscode.WorkspaceFolder;
export const program = path.join(folder.uri.fsPath, 'build/warehouse');
export const source = path.join(folder.uri.fsPath, 'warehouse.cpp');

/** A failure when it takes longer than this; nothing is measured by it. */
const patienceMs = 60_000;

export async function api(): Promise<RollpointApi> {
  const extension = vscode.extensions.getExtension<RollpointApi>('rollpoint.rollpoint');
  if (!extension) throw new Error('The extension is not installed.');
  return extension.activate();
}

/** Waits until `condition` holds, looking at it whenever one of `events` fires. */
export async function until(what: string, condition: () => boolean, ...events: vscode.Event<unknown>[]): Promise<void> {
  const { onDidChange } = await api();
  const listeners: vscode.Disposable[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`Waited in vain: ${what}.`)), patienceMs);
      const look = (): void => {
        if (!condition()) return;
        clearTimeout(limit);
        resolve();
      };
      listeners.push(...[onDidChange, ...events].map((event) => event(look)));
      look();
    });
  } finally {
    vscode.Disposable.from(...listeners).dispose();
  }
}

/** 1-based number of the only line that contains `text`. */
export function lineOf(text: string): number {
  const lines = readFileSync(source, 'utf8').split('\n');
  const found = lines.flatMap((line, index) => (line.includes(text) ? [index + 1] : []));
  if (found.length !== 1) throw new Error(`${found.length} lines contain "${text}".`);
  return found[0] as number;
}

export function setBreakpoint(text: string): void {
  const position = new vscode.Position(lineOf(text) - 1, 0);
  const location = new vscode.Location(vscode.Uri.file(source), position);
  vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(location)]);
}

export function session(): vscode.DebugSession {
  const active = vscode.debug.activeDebugSession;
  if (!active) throw new Error('There is no debug session.');
  return active;
}

/** The place where the program has stopped, and what it means to the next requests. */
export interface Stop {
  reason: string;
  description?: string;
  threadId: number;
  frameId: number;
  name: string;
  line: number;
}

interface StoppedBody {
  reason: string;
  description?: string;
  threadId: number;
}

let lastStop: StoppedBody | undefined;
let stops = 0;
let configured = false;
const stopEmitter = new vscode.EventEmitter<void>();

/** To be called before a session starts. */
export function watchStops(): vscode.Disposable {
  return vscode.debug.registerDebugAdapterTrackerFactory('rollpoint', {
    createDebugAdapterTracker: () => ({
      onWillStartSession: () => (configured = false),
      onDidSendMessage: (message: { type: string; event?: string; command?: string; body?: StoppedBody }) => {
        if (message.type === 'response' && message.command === 'configurationDone') {
          configured = true;
          stopEmitter.fire();
        }
        if (message.type !== 'event' || message.event !== 'stopped') return;
        lastStop = message.body;
        stops += 1;
        stopEmitter.fire();
      },
    }),
  });
}

/** startDebugging() comes back before the program that is attached to runs on. */
export async function untilConfigured(): Promise<void> {
  await until('the session is configured', () => configured, stopEmitter.event);
}

/** Does something and waits for the stop that it leads to. */
export async function stopAfter(action: () => PromiseLike<unknown>): Promise<Stop> {
  const before = stops;
  const { stopped } = await api().then((rollpoint) => ({ stopped: () => rollpoint.stopped }));
  await action();
  await until('the program stops', () => stops > before && stopped(), stopEmitter.event);
  const { reason, description, threadId } = lastStop as StoppedBody;
  const { stackFrames } = (await session().customRequest('stackTrace', { threadId, startFrame: 0, levels: 1 })) as {
    stackFrames: { id: number; name: string; line: number }[];
  };
  const [frame] = stackFrames;
  if (!frame) throw new Error('The stopped thread has no frame.');
  const { id: frameId, name, line } = frame;
  return { reason, threadId, frameId, name, line, ...(description === undefined ? {} : { description }) };
}

export function resume(command: string, threadId: number): PromiseLike<unknown> {
  return session().customRequest(command, { threadId });
}

export async function evaluate({ frameId }: Stop, expression: string): Promise<string> {
  const { result } = (await session().customRequest('evaluate', { expression, frameId, context: 'watch' })) as {
    result: string;
  };
  return result;
}

/** Values of the variables in the innermost scope. */
export async function locals({ frameId }: Stop): Promise<Record<string, string>> {
  const { scopes } = (await session().customRequest('scopes', { frameId })) as {
    scopes: { variablesReference: number }[];
  };
  const variablesReference = scopes[0]?.variablesReference;
  const { variables } = (await session().customRequest('variables', { variablesReference })) as {
    variables: { name: string; value: string }[];
  };
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]));
}

export async function snapshots(): Promise<SnapshotInfo[]> {
  return [...(await api()).list.snapshots].sort((a, b) => a.id - b.id);
}

export async function currentId(): Promise<number | undefined> {
  return (await api()).timeline.find(({ current }) => current)?.id;
}

/** The timeline as text, two spaces a lane. */
export async function drawing(): Promise<string[]> {
  return (await api()).timeline.map(
    ({ id, kind, current, graph }) => `${'  '.repeat(graph.lane)}${id || ''} ${kind}${current ? ' current' : ''}`,
  );
}

/** Processes of this machine whose executable or arguments name something in the workspace, or our adapter. */
export function processesOfSession(): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^[0-9]+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ');
        const ours = readlinkSync(`/proc/${pid}/exe`) === program || parentOf(pid) === process.pid;
        return ours && /rollpoint-adapter|gdb|warehouse/.test(command) ? [`${pid} ${command}`] : [];
      } catch {
        return []; // Gone meanwhile, or another user's.
      }
    });
}

function parentOf(pid: string): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

export async function endSession(end = (): PromiseLike<unknown> => vscode.debug.stopDebugging()): Promise<void> {
  if (!vscode.debug.activeDebugSession) return;
  await end();
  await until('the session ends', () => !vscode.debug.activeDebugSession, vscode.debug.onDidTerminateDebugSession);
}

export function expectSome<T>(values: readonly T[], predicate: (value: T) => boolean): T {
  const found = values.find(predicate);
  expect(found, JSON.stringify(values)).to.not.equal(undefined);
  return found as T;
}
