// A whole session through the API of VS Code: automatic snapshots, one by hand, restores, a branch, the end.
import { expect } from 'chai';
import * as vscode from 'vscode';
import { commandIds, contextKeys } from '../../../extension/contributions';
import type { RollpointApi } from '../../../extension/main';
import {
  api,
  currentId,
  drawing,
  endSession,
  evaluate,
  expectSome,
  folder,
  lineOf,
  locals,
  processesOfSession,
  program,
  resume,
  session,
  setBreakpoint,
  snapshots,
  type Stop,
  stopAfter,
  until,
  watchStops,
} from './support';

const mark = 'break here';
const run = <T>(command: string, ...args: unknown[]): Thenable<T> => vscode.commands.executeCommand<T>(command, ...args);

/** Both sides of the comparison on screen. */
async function diff(title: string): Promise<string[]> {
  const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
  expect(tab?.label).to.equal(title);
  const { original, modified } = tab?.input as vscode.TabInputTextDiff;
  return Promise.all([original, modified].map(async (uri) => (await vscode.workspace.openTextDocument(uri)).getText()));
}

describe('a session', function () {
  // One story: each step needs those before it.
  this.bail(true);
  const stops = watchStops();
  let stop: Stop;
  const goOn = async (): Promise<void> => {
    stop = await stopAfter(() => resume('continue', stop.threadId));
  };

  let rollpoint: RollpointApi;
  const isPinned = (id: number): boolean | undefined => rollpoint.timeline.find((row) => row.id === id)?.pinned;

  before(async () => {
    rollpoint = await api();
    setBreakpoint(mark);
  });
  after(async () => {
    await endSession();
    stops.dispose();
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
  });

  it('starts and stops at a breakpoint', async () => {
    stop = await stopAfter(() =>
      vscode.debug.startDebugging(folder, { type: 'rollpoint', request: 'launch', name: 'test', program }),
    );
    expect(stop).to.include({ reason: 'breakpoint', name: 'Warehouse::carry_out', line: lineOf(mark) });
    expect(await evaluate(stop, 'order.number')).to.equal('1');
    expect((await locals(stop))['wanted']).to.equal('40');
  });

  it('takes a snapshot by itself at every breakpoint stop', async () => {
    await goOn();
    await goOn();
    expect(await drawing()).to.deep.equal(['1 breakpoint', '2 breakpoint', '3 breakpoint current']);
    const [first] = await snapshots();
    expect(first).to.include({ id: 1, parent: null, label: null, reason: 'breakpoint', pinned: false, exact: true });
    expect(first?.location).to.deep.equal({
      name: 'Warehouse::carry_out',
      path: folder.uri.fsPath + '/warehouse.cpp',
      line: lineOf(mark),
    });
  });

  it('takes one by hand', async () => {
    stop = await stopAfter(() => resume('next', stop.threadId));
    expect(await run<object>(commandIds.takeSnapshot, 'third order')).to.include({
      id: 4,
      parent: 3,
      label: 'third order',
      reason: 'manual',
    });
    expect(await currentId()).to.equal(4);
  });

  it('goes back to an earlier one', async () => {
    await goOn();
    expect(await evaluate(stop, 'order.number')).to.equal('4');
    stop = await stopAfter(() => resume('next', stop.threadId));
    expect(rollpoint.contexts.get(contextKeys.wentBack)).to.not.equal(true);
    stop = await stopAfter(() => run(commandIds.restoreSnapshot, 1));
    expect(rollpoint.contexts.get(contextKeys.wentBack), 'a step of the walkthrough is done').to.equal(true);
    expect(stop).to.include({ reason: 'goto', description: 'Restored snapshot 1', line: lineOf(mark) });
    expect(await evaluate(stop, 'order.number')).to.equal('1');
    expect(await evaluate(stop, 'history_._M_impl._M_finish - history_._M_impl._M_start')).to.equal('0');
    expect((await locals(stop))['wanted']).to.equal('40');
  });

  it('has kept the present before it went back', async () => {
    expect(await drawing()).to.deep.equal([
      '1 breakpoint current',
      '2 breakpoint',
      '3 breakpoint',
      '4 manual',
      '5 breakpoint',
      '6 restore',
    ]);
  });

  it('goes on from there as a branch, differently', async () => {
    await evaluate(stop, 'wanted = 33');
    await goOn();
    expect(stop).to.include({ reason: 'breakpoint', line: lineOf(mark) });
    expect(await evaluate(stop, 'order.number')).to.equal('2');
    expect(await evaluate(stop, 'booked_')).to.equal('40');
    await goOn();
    expect(await evaluate(stop, 'order.number')).to.equal('3');
    // Bolts: 33 of the first order, 15 sold with this one.
    expect((await locals(stop))['wanted']).to.equal('18');
    expect(await drawing()).to.deep.equal([
      '1 breakpoint',
      '2 breakpoint',
      '3 breakpoint',
      '4 manual',
      '5 breakpoint',
      '6 restore',
      '  7 breakpoint',
      '  8 breakpoint current',
    ]);
  });

  it('steps back and runs backwards along the branch', async () => {
    stop = await stopAfter(() => resume('stepBack', stop.threadId));
    expect(await evaluate(stop, 'order.number')).to.equal('2');
    expect(await currentId()).to.equal(7);
    stop = await stopAfter(() => resume('reverseContinue', stop.threadId));
    expect(await evaluate(stop, 'order.number')).to.equal('1');
    expect(await currentId()).to.equal(1);
  });

  it('goes over to the other branch', async () => {
    stop = await stopAfter(() => run(commandIds.restoreSnapshot, 5));
    expect(await evaluate(stop, 'order.number')).to.equal('4');
    expect(await evaluate(stop, 'history_._M_impl._M_finish - history_._M_impl._M_start')).to.equal('3');
  });

  it('renames, pins and deletes', async () => {
    await session().customRequest('rollpoint/updateSnapshot', { id: 2, label: 'nuts arrive' });
    await run(commandIds.pinSnapshot, 2);
    await until('snapshot 2 is pinned', () => isPinned(2) === true);
    expect(expectSome(await snapshots(), ({ id }) => id === 2)).to.include({ label: 'nuts arrive', pinned: true });
    await run(commandIds.unpinSnapshot, 2);
    await until('snapshot 2 is not pinned', () => isPinned(2) === false);
    await run(commandIds.deleteSnapshot, 2);
    await until('snapshot 2 is gone', () => isPinned(2) === undefined);
    // Its child hangs under its parent, as the older of two branches.
    expect(await drawing()).to.deep.equal([
      '1 breakpoint',
      '3 breakpoint',
      '4 manual',
      '5 breakpoint current',
      '6 restore',
      '  7 breakpoint',
      '  8 breakpoint',
    ]);
  });

  it('runs to its end from a snapshot', async () => {
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    setBreakpoint('in the evening');
    await goOn();
    expect(await evaluate(stop, 'missing')).to.equal('10');
  });

  it('compares two moments in the diff editor', async () => {
    await run(commandIds.compareWithPresent, 1);
    const [from, to] = await diff('Snapshot 1 ↔ Present');
    expect(from).to.match(/^Snapshot 1: Warehouse::carry_out/).and.to.match(/\nVariables\n  main, thread 1\n/);
    expect(to).to.match(/^Present: .*warehouse\.cpp/).and.to.match(/\nMemory\n/);
    await run(commandIds.selectForCompare, 7);
    await run(commandIds.compareWithSelected, 8);
    const [former, latter] = await diff('Snapshot 7 ↔ Snapshot 8');
    expect(former).to.match(/ wanted: int = 55\n/);
    expect(latter).to.match(/ wanted: int = 18\n/);
    expect(former?.split('\n').length, 'as many lines on both sides').to.equal(latter?.split('\n').length);
  });

  it('branches with another value, and leaves the other branch as it is', async () => {
    const before = await snapshots();
    stop = await stopAfter(() => run(commandIds.branchWith, 1, 'wanted = 1', 'breakpoint'));
    expect(stop).to.include({ reason: 'breakpoint', line: lineOf('in the evening') });
    // 39 of the first 40 bolts; with fewer there is room for those that were lost before.
    expect(await evaluate(stop, 'missing')).to.equal('39');
    const after = await snapshots();
    expect(after.slice(0, before.length)).to.deep.equal(before);
    expect(after.at(-1)).to.include({ parent: 1 });
    await run(commandIds.compareWithPresent, before.at(-1)?.id);
    await diff(`Snapshot ${before.at(-1)?.id} ↔ Present`);
    await run(commandIds.branchWith, 1, 'wanted', 'breakpoint');
    expect((await snapshots()).length, 'what is no assignment is refused').to.equal(after.length);
  });

  it('stands before its end, with a snapshot of it, and goes back from there', async () => {
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    await goOn();
    expect(stop).to.include({ reason: 'exit', description: 'About to exit with code 1' });
    expect((await drawing()).filter((line) => line.endsWith(' exit current'))).to.have.length(1);
    stop = await stopAfter(() => run(commandIds.restoreSnapshot, 1));
    expect(await evaluate(stop, 'order.number')).to.equal('1');
    await goOn();
    expect(stop.reason).to.equal('exit');
  });

  it('leaves nothing behind when it ends', async () => {
    expect(processesOfSession()).to.not.deep.equal([]);
    await endSession();
    await until('the timeline is empty', () => rollpoint.timeline.length === 0);
    expect(await snapshots()).to.deep.equal([]);
    expect(rollpoint.stopped).to.equal(false);
    for (let left = 300; processesOfSession().length > 0 && left > 0; left -= 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(processesOfSession()).to.deep.equal([]);
  });
});
