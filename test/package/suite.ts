// The smoke test of the VSIX, inside VS Code: what is installed is the package, and it debugs, snapshots and restores.
// Must not depend on anything of the checkout but the sample.
import { expect } from 'chai';
import Mocha from 'mocha';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { commandIds } from '../../extension/contributions';
import {
  currentId,
  drawing,
  endSession,
  evaluate,
  folder,
  lineOf,
  program,
  resume,
  setBreakpoint,
  stopAfter,
  type Stop,
  watchStops,
} from '../extension/suite/support';

function describePackage(): void {
  const installed = vscode.extensions.getExtension('rollpoint.rollpoint');
  const file = (name: string): string => path.join(installed?.extensionPath ?? '', name);
  const stops = watchStops();
  let stop: Stop;

  after(async () => {
    await endSession();
    stops.dispose();
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
  });

  it('is installed apart from the checkout', () => {
    expect(installed?.extensionPath).to.match(/extensions\/rollpoint\.rollpoint-/);
  });

  it('carries the addon, the licences and nothing to build with', () => {
    for (const name of ['native/build/Release/rollpoint.node', 'LICENSE.txt', 'readme.md', 'changelog.md', 'ThirdPartyNotices.txt']) {
      expect(existsSync(file(name)), name).to.equal(true);
    }
    for (const name of ['node_modules', 'native/src', 'adapter', 'test']) expect(existsSync(file(name)), name).to.equal(false);
    const notices = readFileSync(file('ThirdPartyNotices.txt'), 'utf8');
    expect(notices).to.contain('cdt-gdb-adapter 1.7.0 (EPL-2.0)').and.to.contain('Eclipse Public License - v 2.0');
  });

  it('carries the sample project, which is copied to where the user says, and stays as it is there', async () => {
    const parent = mkdtempSync(path.join(tmpdir(), 'rollpoint-package-'));
    try {
      const open = () => vscode.commands.executeCommand<vscode.Uri>(commandIds.openSample, vscode.Uri.file(parent));
      const copy = await open();
      const ledger = path.join(copy.fsPath, 'ledger.cpp');
      expect(readFileSync(ledger, 'utf8')).to.contain('a million writes');
      expect(readFileSync(path.join(copy.fsPath, '.vscode/launch.json'), 'utf8')).to.contain('Debug the ledger');
      expect(existsSync(path.join(copy.fsPath, 'build'))).to.equal(false);
      appendFileSync(ledger, '// the user was here');
      await open();
      expect(readFileSync(ledger, 'utf8')).to.contain('// the user was here');
    } finally {
      rmSync(parent, { recursive: true });
    }
  });

  it('has no picture and no link in its pages that leads nowhere', () => {
    for (const name of ['readme.md', 'changelog.md']) {
      const targets = [...readFileSync(file(name), 'utf8').matchAll(/\]\(([^)]*)\)/g)].map(([, target]) => target);
      expect(targets.filter((target) => !/^(https:|#)/.test(target ?? '')), name).to.deep.equal([]);
    }
  });

  it('debugs the sample to a breakpoint, where it takes a snapshot', async () => {
    setBreakpoint('break here');
    stop = await stopAfter(() =>
      vscode.debug.startDebugging(folder, { type: 'rollpoint', request: 'launch', name: 'test', program }),
    );
    expect(stop).to.include({ reason: 'breakpoint', line: lineOf('break here') });
    expect(await drawing()).to.deep.equal(['1 breakpoint current']);
  });

  it('goes back', async () => {
    stop = await stopAfter(() => resume('continue', stop.threadId));
    expect(await evaluate(stop, 'order.number')).to.equal('2');
    stop = await stopAfter(() => vscode.commands.executeCommand(commandIds.restoreSnapshot, 1));
    expect(await evaluate(stop, 'order.number')).to.equal('1');
    expect(await currentId()).to.equal(1);
  });
}

export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: 'bdd', timeout: 60_000, slow: 5000, bail: true, forbidOnly: true, forbidPending: true });
  mocha.suite.emit(Mocha.Suite.constants.EVENT_FILE_PRE_REQUIRE, globalThis, '', mocha);
  describe('the package', describePackage);
  const failures = await new Promise<number>((resolve) => mocha.run(resolve));
  if (failures > 0) throw new Error(`${failures} of the package's tests failed.`);
}
