// The question before a restore that would not bring everything back, as the adapter puts it to VS Code. What the user sees
// of it is for test/ui: notifications do not show in a VS Code that runs a suite.
import { execFileSync } from 'node:child_process';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import * as path from 'node:path';
import { expect } from 'chai';
import * as vscode from 'vscode';
import type { RestoreQuestion } from '../../../adapter/protocol';
import { api, currentId, endSession, evaluate, folder, resume, session, type Stop, stopAfter, until, watchStops } from './support';

const source = path.join(vscode.extensions.getExtension('rollpoint.rollpoint')!.extensionPath, 'test/debuggees/outgoing.cpp');
const program = path.join(folder.uri.fsPath, 'build/outgoing');

describe('a restore that is not whole', function () {
  this.bail(true);
  const stops = watchStops();
  const connections: Socket[] = [];
  const server = createServer((socket) => connections.push(socket.on('error', () => undefined).resume()));
  const questions: RestoreQuestion[] = [];
  const listener = vscode.debug.onDidReceiveDebugSessionCustomEvent(({ event, body }) => {
    if (event === 'rollpoint/confirmRestore') questions.push(body as RestoreQuestion);
  });
  const asked = (number: number): Promise<void> =>
    until(`question ${number}`, () => questions.length === number, vscode.debug.onDidReceiveDebugSessionCustomEvent);
  const answer = (restore: boolean): Thenable<unknown> =>
    session().customRequest('rollpoint/answerRestore', { question: questions.at(-1)?.question, restore });
  let stop: Stop;

  before(async () => {
    execFileSync('g++', ['-g', '-O0', source, '-o', program]);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const document = await vscode.workspace.openTextDocument(source);
    const line = document.getText().split('\n').findIndex((text) => text.includes('@told'));
    vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(new vscode.Location(document.uri, new vscode.Position(line, 0)))]);
  });
  after(async () => {
    await endSession();
    listener.dispose();
    stops.dispose();
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    for (const socket of connections) socket.destroy();
    server.close();
  });

  it('is asked about when Step back leads to it, while the views stay usable', async () => {
    const args = [String((server.address() as AddressInfo).port)];
    stop = await stopAfter(() => vscode.debug.startDebugging(folder, { type: 'rollpoint', request: 'launch', name: 'outgoing', program, args }));
    for (let step = 2; step <= 3; step++) stop = await stopAfter(() => resume('continue', stop.threadId));
    const refused = resume('stepBack', stop.threadId).then(() => undefined, (error: Error) => error.message);
    await asked(1);
    expect(questions[0]).to.include({ id: 2 });
    expect((await api()).stopped).to.equal(true);
    expect(await evaluate(stop, 'step')).to.equal('3');
    await answer(false);
    expect(await refused).to.equal('The restore of snapshot 2 was cancelled.');
    expect(await currentId()).to.equal(3);
    expect((await api()).stopped).to.equal(true);
  });

  it('is done when it is wanted', async () => {
    stop = await stopAfter(async () => {
      const done = resume('stepBack', stop.threadId);
      await asked(2);
      await answer(true);
      await done;
    });
    expect(stop.description).to.equal('Restored snapshot 2');
    expect(await evaluate(stop, 'step')).to.equal('2');
  });
});
