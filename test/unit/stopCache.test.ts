// What is kept of one stop: each thing is read once, and nothing that is no longer so is given out.
import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import type { Core } from '../../adapter/core/core';
import { StopCache } from '../../adapter/core/stopCache';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class FakeCore extends EventEmitter {
  state = 'stopped';
  readonly asked: (number | 'threads')[] = [];
  /** What the program has made of its registers. */
  value = 1;
  lives = [1, 2, 3, 4];

  threads(): Promise<{ tid: number; name: string }[]> {
    this.asked.push('threads');
    return Promise.resolve(this.lives.map((tid) => ({ tid, name: '' })));
  }

  readRegisters(tid: number): Promise<{ general: Uint8Array; xstate: Uint8Array }> {
    this.asked.push(tid);
    const { value } = this;
    return this.lives.includes(tid)
      ? Promise.resolve({ general: new Uint8Array([tid, value]), xstate: new Uint8Array([value]) })
      : Promise.reject(new Error(`no thread ${tid}`));
  }
}

describe('what is kept of a stop', () => {
  let core: FakeCore;
  let cache: StopCache;
  const general = async (tid: number): Promise<number[]> => [...(await cache.registers(tid)).general];

  beforeEach(() => {
    core = new FakeCore();
    cache = new StopCache(core as unknown as Core);
  });

  it('is one thread as long as nobody asks for a second one, then those that follow it', async () => {
    expect(await general(2)).to.deep.equal([2, 1]);
    expect(await general(2)).to.deep.equal([2, 1]);
    expect(core.asked).to.deep.equal([2]);
    expect(await general(1)).to.deep.equal([1, 1]);
    await settled();
    for (const tid of [3, 4, 2]) expect(await general(tid)).to.deep.equal([tid, 1]);
    expect(await cache.threads()).to.have.length(4);
    expect(core.asked).to.deep.equal([2, 1, 'threads', 3, 4]);
  });

  it('is given out in copies', async () => {
    (await cache.registers(1)).general.fill(9);
    expect(await general(1)).to.deep.equal([1, 1]);
  });

  for (const event of ['stop', 'resumed', 'rolledBack', 'edited', 'focus', 'revived']) {
    it(`holds until the core tells: ${event}`, async () => {
      await general(1);
      await cache.threads();
      const underWay = general(2);
      core.value = 2;
      core.lives = [1, 2];
      core.emit(event);
      expect(await underWay, 'asked for before').to.deep.equal([2, 1]);
      await settled();
      expect(await general(2)).to.deep.equal([2, 2]);
      expect(await general(1)).to.deep.equal([1, 2]);
      expect(await cache.threads()).to.have.length(2);
    });
  }

  it('is no failure', async () => {
    await general(1);
    expect(await general(9).catch((error: Error) => error.message)).to.equal('no thread 9');
    core.lives.push(9);
    expect(await general(9)).to.deep.equal([9, 1]);
  });

  it('is nothing of a program that runs', async () => {
    core.state = 'running';
    await cache.threads();
    await cache.threads();
    expect(core.asked).to.deep.equal(['threads', 'threads']);
  });
});
