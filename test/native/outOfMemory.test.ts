// A program that the kernel kills for want of memory: its newest snapshot comes back, in a memory cgroup made for this. Only
// root may make one; without that permission, or without such a hierarchy, the reason is what is tested.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { NativeEvent } from '../../adapter/core/native';
import { Rig } from '../support/native';

const limit = 48 << 20;
const name = `rollpoint-test-${process.pid}`;

interface Cgroup {
  folder: string;
  /** How often the kernel has killed in it. */
  kills: () => number;
}

/** With a limit of memory; or why there is none to be had. */
function makeCgroup(): Cgroup | string {
  const older = '/sys/fs/cgroup/memory';
  const newer = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find((folder) => existsSync(join(folder, 'cgroup.controllers')) && readFileSync(join(folder, 'cgroup.subtree_control'), 'utf8').includes('memory'));
  const parent = existsSync(join(older, 'memory.limit_in_bytes')) ? older : newer;
  if (!parent) {
    return 'no hierarchy of cgroups limits memory here';
  }
  const folder = join(parent, name);
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, parent === older ? 'memory.limit_in_bytes' : 'memory.max'), String(limit));
  } catch (error) {
    return `no memory cgroup can be made: ${(error as NodeJS.ErrnoException).code}`;
  }
  const events = join(folder, parent === older ? 'memory.oom_control' : 'memory.events');
  return { folder, kills: () => Number(/^oom_kill (\d+)/m.exec(readFileSync(events, 'utf8'))?.[1] ?? 0) };
}

describe('a program that is killed for want of memory', () => {
  let rig: Rig | undefined;
  const cgroup = makeCgroup();
  after(async () => {
    await rig?.dispose();
    if (typeof cgroup !== 'string') {
      for (let tries = 0; existsSync(cgroup.folder) && tries < 100; ++tries) {
        try {
          rmdirSync(cgroup.folder);
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 50)); // the last of it is still ending
        }
      }
    }
  });

  if (typeof cgroup === 'string') {
    it(`is not tested: ${cgroup}`, () => expect(cgroup).to.match(/^no hierarchy|: (EACCES|EPERM|EROFS|ENOENT)$/));
    return;
  }

  it('comes back at its newest snapshot, in a new process, again and again, and goes on', async () => {
    rig = await Rig.launch('greedy');
    await rig.breakAt('at_begin');
    await rig.continueToBreakpoint();
    writeFileSync(join(cgroup.folder, 'cgroup.procs'), String(rig.pid));
    const { id } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
    for (let turn = 1; turn <= 3; ++turn) {
      const event = (await rig.continue()) as NativeEvent;
      if (event.type !== 'revived') {
        throw new Error(`Expected to be revived, got ${JSON.stringify(event)}. ${rig.logs.join('\n')}`);
      }
      expect(cgroup.kills(), 'killed by the kernel').to.equal(turn);
      expect(event).to.include({ id });
      rig.pid = event.newPid;
      expect(await rig.nextStop()).to.deep.include({ reason: 'revived', tid: rig.pid });
      expect(await rig.core.verify(id)).to.deep.equal([]);
      expect(await rig.readInt('steps')).to.equal(0);
    }
    await rig.writeInt('modest', 1);
    await rig.clearBreakpoints();
    expect(await rig.continue(), await rig.allOutput()).to.deep.include({ type: 'exited', code: 0 });
    expect(await rig.allOutput()).to.match(/steps 0/);
  });
});
