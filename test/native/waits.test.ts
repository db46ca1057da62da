// Calls that wait with a time limit: what remained at a snapshot remains after a rollback to it, and a stop adds nothing.
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { Rig } from '../support/native';

/** Milliseconds on the clock that the program reads (CLOCK_MONOTONIC). */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const whole = 2000;
/** A thread may be held up between its look at the clock and its call, and on its way back. */
const early = 50;
const late = 600;

interface Wait {
  name: string;
  left: number;
  back: number;
}

function waitsIn(output: string): Wait[] {
  return [...output.matchAll(/^(.+): (-?\d+) left, back at (\d+)\r?$/gm)].map(([, name, left, back]) => ({ name: name!, left: Number(left) / 1e6, back: Number(back) / 1e6 }));
}

describe('waits in progress', () => {
  it('wait for what remained, after a rollback', async () => {
    const rig = await Rig.launch('waits', []);
    try {
      await rig.breakAt('at_armed');
      await rig.continueToBreakpoint();
      const stopped = now();
      await rig.clearBreakpoints();
      // Both at the same moment of the program; the second has calls that our stop made the program issue again.
      const ids = [(await rig.core.capture({ tid: rig.pid, files: 'rewind' })).id, (await rig.core.capture({ tid: rig.pid, files: 'rewind' })).id];
      await rig.core.holdAtExit(true);
      const lasting = now();
      // Time goes on beside the stop: the snapshots have somewhat less.
      const held = lasting - stopped + early;
      const passed = { from: 0, to: 0 };
      for (let turn = 0; turn < 6; ++turn) {
        if (turn > 0) {
          passed.from = now();
          await rig.core.rollback(ids[turn % 2]!);
          expect(await rig.core.verify(ids[turn % 2]!)).to.deep.equal([]);
          passed.to = now();
        }
        const event = await rig.continue();
        await rig.outputMatching(new RegExp(`(^(PASS|FAIL)\\r?\\n[^]*){${turn + 1}}`, 'm'));
        const output = rig.output.split(/^PASS\r?\n/m)[turn]!;
        expect(event, output).to.deep.include({ type: 'stopped', reason: 'exit', code: 0 });
        const waits = waitsIn(output);
        expect(waits, output).to.have.length(15);
        for (const { name, left, back } of waits) {
          if (turn === 0) {
            expect(back, `${name}, which the stop does not hold up`).to.be.at.most(Math.max(lasting + 50, lasting + left) + late);
          } else {
            expect(left, `${name}: left at the snapshot`).to.be.within(whole / 10, whole / 3);
            expect(back - passed.from, `${name}, turn ${turn}: waited since the rollback`).to.be.at.least(left - held);
            expect(back - passed.to, `${name}, turn ${turn}: waited since the rollback was done`).to.be.at.most(left + late);
          }
        }
      }
    } finally {
      const id = /semaphores (\d+)/.exec(rig.output)?.[1];
      await rig.dispose();
      if (id !== undefined) execFileSync('ipcrm', ['-s', id]);
    }
  });

  it('end in time beside stops', async () => {
    const rig = await Rig.launch('waits', ['ticks']);
    try {
      await rig.breakAt('at_tick');
      let event = await rig.continue();
      for (; event.type === 'stopped'; event = await rig.continue()) expect(event.reason).to.equal('breakpoint');
      const output = await rig.allOutput();
      expect(event, output).to.deep.include({ type: 'exited', code: 0 });
      for (const [, time] of output.matchAll(/(\d+) ms/g)) expect(Number(time), output).to.be.within(whole, whole + late);
    } finally {
      await rig.dispose();
    }
  });
});
