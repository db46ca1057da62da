// Snapshots from plain gdb: the monitor commands, restore at the next resume, reverse-continue.
import { expect } from 'chai';
import { at, cleanUp, debug, gdb, Server, shapes } from './support';

/** Ids, current mark and indentation of a `monitor snapshots` table. */
function table(output: string, which: number): string[] {
  const tables = output.split(/^ +Id +Adds +Took +Time +Label *$/m).slice(1);
  return (tables[which] ?? '').split('\n').flatMap((line) => /^(\*?) +\d+(?= )/.exec(line)?.[0] ?? []).map((text) => text.replace(/^ +/, ''));
}

describe('snapshots from plain gdb', () => {
  before(() => void shapes());
  after(cleanUp);

  it('goes back to a snapshot and on from there, to the same end', async () => {
    const run = await debug([], [
      'break tick', 'continue', 'monitor snapshot first tick', 'continue', 'continue', 'print ticks', 'monitor snapshots',
      'monitor restore 1', 'continue', 'print ticks', 'backtrace', 'monitor snapshots', 'delete', 'continue', 'continue',
    ]);
    expect(run.gdb).to.match(/Snapshot 1 taken in [\d.]+ (µs|ms)\./);
    expect(run.gdb).to.match(/^\* +1 .* first tick$/m);
    expect(run.gdb).to.include('Snapshot 1 will be restored at the next');
    expect(run.gdb).to.include('$1 = 2');
    expect(run.gdb).to.include('$2 = 0');
    expect(run.gdb).to.match(/^#0 +tick \(by=1\).*\n#1 .* main \(/m);
    expect(table(run.gdb, 0)).to.deep.equal(['*  1']);
    expect(run.gdb).to.match(/^ +2 .* before restoring 1$/m);
    expect(table(run.gdb, 1)).to.deep.equal(['*  1', '2']);
    expect(run.gdb).to.match(/exited with code 051\]/);
    expect(run.server).to.include('ticks 5, total 15, hello, world');
  });

  it('keeps the present, so that the way back is there too', async () => {
    const run = await debug([], [
      'break tick', 'continue', 'monitor snapshot', 'continue', 'continue', 'monitor restore 1', 'continue', 'print ticks',
      'monitor restore 2', 'continue', 'print ticks', 'monitor snapshots', 'delete', 'continue', 'continue',
    ]);
    expect(run.gdb).to.include('$1 = 0');
    expect(run.gdb).to.include('$2 = 2');
    // Nothing ran between the two restores: there was no new present to keep.
    expect(run.gdb).not.to.match(/before restoring 2/);
    expect(run.gdb).to.match(/exited with code 051\]/);
  });

  it('goes on at a snapshot when the program is killed', async () => {
    const run = await debug([], [
      'break tick', 'continue', 'continue', 'monitor snapshot', 'continue', 'print ticks', 'python import os; os.kill(gdb.selected_inferior().pid, 9)',
      'continue', 'print ticks', 'continue', 'print ticks', 'delete', 'continue', 'continue',
    ]);
    expect(run.server).to.match(/The program was killed; snapshot 1 has been restored into a new process \(pid \d+\)\./);
    expect(run.gdb).to.include('$1 = 2').and.to.include('$2 = 1').and.to.include('$3 = 2');
    expect(run.gdb).to.match(/exited with code 051\]/);
  });

  it('restores at any kind of resume, from a breakpoint as well as beside one', async () => {
    const run = await debug([], [
      'break tick', 'continue', 'monitor snapshot', 'next', 'next', 'monitor restore 1', 'stepi', 'print ticks',
      'next', 'next', 'monitor restore 1', 'next', 'print ticks', 'continue', 'monitor restore 1', 'step', 'print ticks', 'delete', 'next', 'print ticks',
    ]);
    expect(run.gdb).to.include('$1 = 0').and.to.include('$2 = 0').and.to.include('$3 = 0').and.to.include('$4 = 1');
  });

  it('brings threads back that have ended, each with its own variables', async () => {
    const run = await debug(['threads'], [
      'break tick', 'continue', 'continue', 'continue', 'monitor snapshot three threads', 'thread apply all -q -s print depth',
      `tbreak ${at('end')}`, 'disable 1', 'continue', 'info threads', 'monitor restore 1', 'continue', 'thread apply all -q -s print depth', 'print ticks',
      'delete', 'continue', 'continue',
    ]);
    expect(run.gdb).not.to.include('internal-error');
    const depths = run.gdb.split('will be restored')[1]?.match(/= 10[123]$/gm);
    expect(depths).to.have.length.greaterThan(0);
    expect(run.gdb).to.match(/exited with code 052\]/);
    expect(run.server).to.match(/ticks 11, total \d+, hello, world/);
  });

  it('goes back snapshot by snapshot with reverse-continue, and says where history ends', async () => {
    const run = await debug([], [
      'break tick', 'continue', 'monitor snapshot', 'continue', 'monitor snapshot', 'continue', 'print ticks',
      'reverse-continue', 'print ticks', 'reverse-continue', 'print ticks', 'reverse-continue', 'print ticks', 'continue', 'print ticks',
      'reverse-stepi', 'print ticks', 'delete', 'continue', 'continue',
    ]);
    expect(run.gdb).to.include('$1 = 2').and.to.include('$2 = 1').and.to.include('$3 = 0').and.to.include('$4 = 0');
    expect(run.gdb).to.include('No more reverse-execution history.');
    expect(run.gdb).to.include('$5 = 1').and.to.include('$6 = 0');
    expect(run.gdb).to.match(/exited with code 051\]/);
  });

  it('shows a snapshot while the process stays, and returns', async () => {
    const run = await debug([], [
      'break tick', 'continue', 'monitor snapshot', 'continue', 'continue', 'print ticks', 'monitor peek 1', 'continue', 'print ticks', 'backtrace',
      'monitor snapshots', 'monitor delete 1', 'monitor peek now', 'continue', 'print ticks',
      'monitor snapshots', 'continue', 'print ticks', 'delete', 'continue', 'continue',
    ]);
    expect(run.gdb).to.include('The next continue or step shows snapshot 1.');
    expect(run.gdb).to.include('$1 = 2').and.to.include('$2 = 0').and.to.include('$3 = 2').and.to.include('$4 = 3');
    expect(run.gdb).to.match(/^#0 +tick \(by=1\).*\n#1 .* main \(/m);
    expect(run.gdb).to.include('Snapshot 1 is on screen');
    expect(table(run.gdb, 0)).to.deep.equal(['*  1']);
    expect(table(run.gdb, 1)).to.deep.equal(['*  1']);
    expect(run.gdb).to.match(/exited with code 051\]/);
  });

  for (const [how, act] of [['continue', 'continue'], ['step', 'stepi'], ['write', 'set var ticks = 40']] as const) {
    it(`goes on from the snapshot that is shown: ${how}`, async () => {
      const run = await debug([], [
        'break tick', 'continue', 'monitor snapshot', 'continue', 'continue', 'monitor peek 1', 'continue', 'print ticks', act, 'print ticks', 'monitor snapshots',
        'monitor restore 2', 'continue', 'print ticks', 'delete', 'continue', 'continue',
      ]);
      expect(run.gdb).to.include('$1 = 0').and.to.include(`$2 = ${how === 'continue' ? 1 : how === 'step' ? 0 : 40}`).and.to.include('$3 = 2');
      expect(run.gdb).to.match(/^ +2 .* before restoring 1$/m);
      expect(table(run.gdb, 0)).to.deep.equal(['*  1', '2']);
      expect(run.gdb).to.match(/exited with code 051\]/);
    });
  }

  it('shows threads that have ended since, and hides those that came later', async () => {
    const run = await debug(['threads'], [
      'monitor snapshot before the threads', 'break tick', 'continue', 'continue', 'continue', 'monitor snapshot three threads', 'echo TAKEN\\n', 'info threads',
      'echo END\\n', `tbreak ${at('end')}`, 'disable 1', 'continue', 'monitor peek 2', 'continue', 'echo THREE\\n', 'info threads', 'thread apply all -q -s print depth',
      'echo END\\n', 'monitor peek 1', 'continue', 'echo BEFORE\\n', 'info threads', 'echo END\\n', 'monitor peek now', 'continue', 'echo NOW\\n', 'info threads', 'print ticks',
      'echo END\\n', 'delete', 'continue', 'continue',
    ]);
    expect(run.gdb).not.to.include('internal-error');
    // What gdb itself prints comes in order; what the server says may come between.
    const part = (name: string): string => new RegExp(`^${name}\\n([^]*?)^END$`, 'm').exec(run.gdb)?.[1] ?? '';
    const threads = (name: string): number => part(name).match(/^[* ] +\d+ +Thread \d+\.\d+/gm)?.length ?? 0;
    expect(threads('TAKEN'), run.gdb).to.be.greaterThan(1);
    expect(threads('THREE'), run.gdb).to.equal(threads('TAKEN'));
    expect(part('THREE').match(/= 10[123]$/gm)).to.have.length.greaterThan(0);
    expect([threads('BEFORE'), threads('NOW')]).to.deep.equal([1, 1]);
    expect(part('NOW')).to.match(/= 11$/m);
    expect(run.gdb).to.match(/exited with code 052\]/);
  });

  it('hands a signal on that the program had still to get, after a look at the past', async () => {
    const run = await debug(['signals'], [
      'tbreak main', 'continue', 'monitor snapshot', 'continue', 'monitor peek 1', 'continue', 'print alarms', 'monitor peek now', 'continue', 'print alarms', 'continue', 'continue',
    ]);
    expect(run.gdb.match(/received signal SIGUSR1/g)).to.have.length(2);
    expect(run.gdb).to.include('$1 = 0').and.to.include('$2 = 20');
    expect(run.server).to.include('alarms 21');
    expect(run.gdb).to.match(/exited normally/);
  });

  it('undoes what the user changed at the snapshot', async () => {
    const run = await debug([], ['break tick', 'continue', 'monitor snapshot', 'set var ticks = 90', 'reverse-continue', 'print ticks', 'delete', 'continue', 'continue']);
    expect(run.gdb).to.include('$1 = 0');
    expect(run.server).to.include('ticks 5, total 15');
  });

  it('keeps breakpoints as they are set now, not as they were then', async () => {
    const run = await debug([], [
      'break tick', 'continue', 'monitor snapshot', 'delete', `break ${at('ticked')}`, 'continue', 'monitor restore 1', 'continue', 'continue', 'frame', 'print ticks',
    ]);
    expect(run.gdb).to.match(/Breakpoint 2, tick \(by=1\).*@ticked|Breakpoint 2, tick[^]*@ticked/);
    expect(run.gdb).to.include('$1 = 1');
  });

  it('deletes a snapshot and hangs what came after under the one before', async () => {
    const run = await debug([], [
      'break tick', 'continue', 'monitor snapshot a', 'continue', 'monitor snapshot b', 'continue', 'monitor snapshot c', 'continue',
      'monitor delete 2', 'monitor snapshots', 'monitor restore 3', 'continue', 'print ticks', 'reverse-continue', 'print ticks',
    ]);
    expect(run.gdb).to.include('Snapshot 2 deleted.');
    expect(table(run.gdb, 0)).to.deep.equal(['1', '*  3']);
    expect(run.gdb).to.include('$1 = 2').and.to.include('$2 = 0');
  });

  it('stops before the program exits while there are snapshots, and goes back from there', async () => {
    const run = await debug([], [
      'break tick', 'continue', 'monitor snapshot', 'delete', 'continue', 'print ticks', 'monitor restore 1', 'continue', 'print ticks',
      'set var ticks = 10', 'continue', 'print ticks', 'next', 'next', 'info threads',
    ]);
    expect(run.gdb.match(/The program is about to exit with code \d+\. "continue" lets it end; "monitor restore N" goes back/g)).to.have.length(2);
    expect(run.gdb.match(/^Program stopped/gm)).to.have.length(3);
    expect(run.gdb).to.include('$1 = 5').and.to.include('$2 = 0');
    expect(run.gdb).to.include('$3 = 15');
    expect(run.gdb).to.match(/exited with code \d+\]/);
    expect(run.gdb).to.include('No threads.');
  });

  it('does not stop before the exit where there is no snapshot', async () => {
    const run = await debug([], ['break tick', 'continue', 'monitor snapshot', 'monitor delete 1', 'delete', 'continue']);
    expect(run.gdb).to.match(/exited with code 051\]/).and.not.to.include('about to exit');
  });

  it('says what cannot be done', async () => {
    const run = await debug([], ['monitor restore 7', 'monitor restore', 'monitor delete x', 'monitor snapshots', 'monitor frobnicate', 'monitor help']);
    expect(run.gdb).to.include('There is no snapshot 7; "monitor snapshots" lists them.');
    expect(run.gdb).to.include('Which snapshot? Write "monitor restore N"');
    expect(run.gdb).to.include('Which snapshot? Write "monitor delete N"');
    expect(run.gdb).to.include('No snapshots.');
    expect(run.gdb).to.include('Unknown monitor command.');
    expect(run.gdb).to.include('snapshot [LABEL]');

    const server = new Server(['--multi', '--once', ':0']);
    try {
      const output = await gdb([`target extended-remote :${await server.port()}`, 'monitor snapshot', 'monitor exit'], { program: null });
      expect(output).to.include('There is no process; start one with "run".');
    } finally {
      await server.end();
    }
  });

  it('forgets the snapshots of a process that has ended', async () => {
    const server = new Server(['--multi', '--once', ':0']);
    try {
      const output = await gdb([
        `target extended-remote :${await server.port()}`, `set remote exec-file ${shapes()}`, 'break tick', 'run', 'monitor snapshot', 'kill',
        'run', 'monitor snapshots', 'monitor snapshot', 'monitor snapshots', 'monitor exit',
      ]);
      expect(output).to.include('No snapshots.');
      expect(table(output, 0)).to.deep.equal(['*  1']);
    } finally {
      await server.end();
    }
  });
});
