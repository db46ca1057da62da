// How the configuration provider completes a configuration, and how it refuses one that cannot work.
import { expect } from 'chai';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { endSession, folder, program, session, setBreakpoint, source, stopAfter, watchStops } from './support';

const launch = (more: object = {}): vscode.DebugConfiguration => ({
  type: 'rollpoint',
  request: 'launch',
  name: 'test',
  program,
  ...more,
});

describe('a launch configuration', () => {
  for (const [what, config] of [
    ['without a program', launch({ program: undefined })],
    ['with a program that does not exist', launch({ program: path.join(folder.uri.fsPath, 'build/nothing') })],
    ['with a program that is not executable', launch({ program: source })],
    ['with a gdb that does not exist', launch({ gdb: '/nowhere/gdb' })],
    ['with a gdb that is not on PATH', launch({ gdb: 'gdb-of-nowhere' })],
    ['that attaches to no process', { type: 'rollpoint', request: 'attach', name: 'test', pid: 'none' }],
  ] as [string, vscode.DebugConfiguration][]) {
    it(`${what} is refused`, async () => {
      expect(await vscode.debug.startDebugging(folder, config)).to.equal(false);
      expect(vscode.debug.activeDebugSession).to.equal(undefined);
    });
  }

  describe('that can work', () => {
    const stops = watchStops();
    before(() => setBreakpoint('break here'));
    afterEach(endSession);
    after(() => {
      stops.dispose();
      vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    });

    it('is completed with the folder and the settings', async () => {
      const settings = vscode.workspace.getConfiguration('rollpoint');
      await settings.update('snapshots.memoryLimit', '256MiB', vscode.ConfigurationTarget.Workspace);
      try {
        await stopAfter(() => vscode.debug.startDebugging(folder, launch({ program: 'build/warehouse', snapshots: { auto: 'off' } })));
        const { configuration } = session();
        expect(configuration['program']).to.equal(program);
        expect(configuration['cwd']).to.equal(folder.uri.fsPath);
        expect(configuration['gdb']).to.equal('gdb');
        expect(configuration['snapshots']).to.deep.equal({ auto: 'off', memoryLimit: '256MiB', files: 'rewind', children: 'include' });
      } finally {
        await settings.update('snapshots.memoryLimit', undefined, vscode.ConfigurationTarget.Workspace);
      }
    });

    it('comes from the open file when there is none', async () => {
      await vscode.window.showTextDocument(vscode.Uri.file(source));
      const stop = await stopAfter(() =>
        vscode.debug.startDebugging(folder, { type: 'rollpoint', request: 'launch', name: '' }),
      );
      expect(stop.reason).to.equal('breakpoint');
      expect(session().configuration['program']).to.equal(program);
    });
  });
});
