// The tools for a language model, called as an assistant calls them, on the running sample. No model is needed for that.
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { toolNames } from '../../../extension/contributions';
import { api, currentId, drawing, endSession, evaluate, folder, lineOf, program, resume, session, setBreakpoint, type Stop, stopAfter, untilConfigured, watchStops } from './support';

const mark = 'break here';
/** Without it VS Code asks, in a dialog, before a tool that changes something; and, without its test mode, before that setting. */
const agreed = 'chat.tools.global.autoApprove';
const agree = async (yes: boolean): Promise<void> => {
  await vscode.commands.executeCommand('setContext', `vscode.${agreed}.testMode`, yes);
  await vscode.workspace.getConfiguration().update(agreed, yes || undefined, vscode.ConfigurationTarget.Global);
};

async function call(name: string, input: object = {}, token?: vscode.CancellationToken): Promise<string> {
  const { content } = await vscode.lm.invokeTool(name, { input, toolInvocationToken: undefined }, token);
  return content.map((part) => (part as vscode.LanguageModelTextPart).value).join('\n');
}

describe('the tools of a language model', function () {
  this.bail(true);
  const stops = watchStops();
  let stop: Stop;
  const booked: string[] = [];

  before(async () => {
    await api();
    await agree(true);
    setBreakpoint(mark);
  });
  after(async () => {
    await endSession();
    await agree(false);
    stops.dispose();
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
  });

  it('are offered, each with what a model needs to use it', () => {
    for (const name of Object.values(toolNames)) {
      const tool = vscode.lm.tools.find((candidate) => candidate.name === name);
      expect(tool?.description, name).to.match(/^[A-Z].{80,}\.$/s);
      expect(tool?.inputSchema, name).to.include({ type: 'object' });
    }
  });

  it('say what to do where nothing is debugged', async () => {
    for (const [name, input] of [
      [toolNames.listSnapshots, {}],
      [toolNames.readValue, { expression: 'wanted', snapshot: 1 }],
      [toolNames.valueHistory, { expression: 'wanted' }],
      [toolNames.findChange, { expression: 'wanted', good: 1 }],
      [toolNames.compareSnapshots, { from: 1 }],
      [toolNames.restoreSnapshot, { snapshot: 1 }],
    ] as const) {
      expect(await call(name, input), name).to.equal('No program is being debugged with Rollpoint. Start a session first.');
    }
  });

  it('list the snapshots', async () => {
    stop = await stopAfter(() => vscode.debug.startDebugging(folder, { type: 'rollpoint', request: 'launch', name: 'tools', program }));
    booked.push(await evaluate(stop, 'booked_'));
    for (let order = 2; order <= 3; order++) {
      stop = await stopAfter(() => resume('continue', stop.threadId));
      booked.push(await evaluate(stop, 'booked_'));
    }
    const lines = (await call(toolNames.listSnapshots)).split('\n');
    expect(lines[0]).to.equal('3 snapshots. The program stands at snapshot 3.');
    const place = `Warehouse::carry_out  warehouse.cpp:${lineOf(mark)}, breakpoint, `;
    expect(lines.slice(1).map((line) => line.replace(/\d\d:\d\d:\d\d$/, ''))).to.deep.equal([
      `Snapshot 1, the first, ${place}`,
      `Snapshot 2, after 1, ${place}`,
      `Snapshot 3, after 2, ${place}`,
    ]);
  });

  it('read a value at a snapshot, and its history', async () => {
    expect(await call(toolNames.readValue, { expression: 'booked_', snapshot: 2 })).to.equal(`booked_ at snapshot 2: ${booked[1]} (int)`);
    const history = (await call(toolNames.valueHistory, { expression: 'booked_' })).split('\n');
    expect(history[0]).to.equal('booked_ at 3 snapshots of the branch, oldest first: 2 changes.');
    expect(history.slice(1).map((line) => line.replace(/ \(Warehouse.*?\)(?=:)/, ''))).to.deep.equal([
      `Snapshot 1: ${booked[0]} (int)`,
      `Snapshot 2: ${booked[1]} (int), changed`,
      `Snapshot 3: ${booked[2]} (int), changed`,
    ]);
    expect(await call(toolNames.readValue, { expression: 'no_such_thing', snapshot: 2 })).to.equal(
      'no_such_thing at snapshot 2: no value (No symbol "no_such_thing" in current context.)',
    );
    expect(await call(toolNames.readValue, { expression: 'wanted', snapshot: 9 })).to.equal('There is no snapshot 9. There are: 1, 2, 3.');
    expect(await evaluate(stop, 'order.number')).to.equal('3');
  });

  it('compare snapshots', async () => {
    const text = await call(toolNames.compareSnapshots, { from: 1, to: 2, watches: ['booked_'] });
    expect(text).to.match(/^From snapshot 1 to snapshot 2:\nVariables:\n/);
    expect(text).to.include(`booked_: ${booked[0]} → ${booked[1]}`);
    expect(await call(toolNames.compareSnapshots, { from: 3 })).to.equal('From snapshot 3 to the present:\nNothing differs.');
  });

  it('restore one', async () => {
    stop = await stopAfter(async () => expect(await call(toolNames.restoreSnapshot, { snapshot: 2 })).to.equal('The program stands at snapshot 2.'));
    expect(stop.description).to.equal('Restored snapshot 2');
    expect(await currentId()).to.equal(2);
  });

  it('find where a value changed, and stop there', async () => {
    stop = await stopAfter(async () =>
      expect(await call(toolNames.findChange, { expression: 'booked_', good: 1 })).to.match(
        /^"booked_" changed between snapshots 1 and 2\. The program stands at the line that changed it: warehouse\.cpp:\d+ in Warehouse::/,
      ),
    );
    expect(stop.reason).to.equal('data breakpoint');
  });

  it('end a search where they are cancelled, with the program where it was', async () => {
    await endSession();
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    const source = vscode.extensions.getExtension('rollpoint.rollpoint')!.extensionPath + '/test/debuggees/echo.c';
    const echo = path.join(folder.uri.fsPath, 'build/echo');
    expect(spawnSync('gcc', ['-g', '-O0', source, '-o', echo], { stdio: 'inherit' }).status).to.equal(0);
    const line = readFileSync(source, 'utf8').split('\n').findIndex((text) => text.includes('@line'));
    vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(new vscode.Location(vscode.Uri.file(source), new vscode.Position(line, 0)))]);
    const type = (text: string) => session().customRequest('evaluate', { expression: text, context: 'repl' });
    const runs = new vscode.EventEmitter<void>();
    const searching = vscode.debug.registerDebugAdapterTrackerFactory('rollpoint', {
      createDebugAdapterTracker: () => ({
        onDidSendMessage: ({ event, body }: { event?: string; body?: { message?: string } }) => {
          if (event === 'progressUpdate' && /running there/.test(body?.message ?? '')) runs.fire();
        },
      }),
    });
    const cancel = new vscode.CancellationTokenSource();
    try {
      stop = await stopAfter(async () => {
        await vscode.debug.startDebugging(folder, { type: 'rollpoint', request: 'launch', name: 'echo', program: echo });
        await untilConfigured();
        await type('one');
      });
      stop = await stopAfter(async () => {
        await resume('continue', stop.threadId);
        await type('two');
      });
      // Nobody types it again: the run from the first snapshot would wait for ever.
      runs.event(() => cancel.cancel());
      stop = await stopAfter(() => call(toolNames.findChange, { expression: 'line', good: 1 }, cancel.token).catch(() => 'cancelled'));
      expect(await evaluate(stop, '(char *) line')).to.match(/"two"/);
      expect(await drawing()).to.deep.equal(['1 breakpoint', '2 breakpoint current']);
    } finally {
      vscode.Disposable.from(searching, runs, cancel).dispose();
    }
  });
});
