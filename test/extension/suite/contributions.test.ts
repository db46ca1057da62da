// What a VS Code with the extension offers before anything is debugged.
import { expect } from 'chai';
import * as vscode from 'vscode';
import { commandIds, contextKeys } from '../../../extension/contributions';
import { api } from './support';

describe('Rollpoint in VS Code', () => {
  it('is activated and has its commands', async () => {
    const { timeline, stopped } = await api();
    expect(timeline).to.deep.equal([]);
    expect(stopped).to.equal(false);
    expect(await vscode.commands.getCommands(true)).to.include.members(Object.values(commandIds));
  });

  it('has its view', async () => {
    const commands = await vscode.commands.getCommands(true);
    expect(commands).to.include('rollpoint.snapshots.focus');
  });

  it('has settings with defaults', () => {
    const settings = vscode.workspace.getConfiguration('rollpoint');
    expect(settings.get('gdb')).to.equal('gdb');
    expect(settings.get('snapshots.auto')).to.equal('breakpoints');
    expect(settings.get('snapshots.memoryLimit')).to.equal('1GiB');
    expect(settings.get('snapshots.files')).to.equal('rewind');
    expect(settings.get('snapshots.children')).to.equal('include');
  });

  it('answers a command that makes no sense now with nothing but a message', async () => {
    const { contexts } = await api();
    for (const command of [commandIds.restoreSnapshot, commandIds.goOnFromHere, commandIds.findChange]) {
      expect(await vscode.commands.executeCommand(command, 1), command).to.equal(undefined);
    }
    // Steps of the walkthrough: not done by what only says why it cannot be.
    expect(contexts.get(contextKeys.wentBack)).to.not.equal(true);
    expect(contexts.get(contextKeys.foundChange)).to.not.equal(true);
  });
});
