// The program was killed and has come back in a new process: tells it, and leads gdb there, which may be in the middle of
// anything. Must not know how a process comes back, or requests.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from './errors';
import type { Run } from './sessionRun';

const turnMillis = 500;
const quietTurns = 3;

export class Revival {
  /** The snapshot that the process stands at, where gdb has not yet stopped for it. */
  private untold: number | undefined;

  constructor(private readonly run: Run) {}

  /** The program was killed, and stands at snapshot `id` in process `newPid`. */
  tell(id: number, newPid: number): void {
    this.run.client.output('important', `The program was killed; snapshot ${id} has been restored into a new process (pid ${newPid}).\n`);
    this.run.snapshots.onRevived(id);
    if (!this.run.execution.running) {
      this.lead(id);
      return;
    }
    // While gdb runs the program, the stop that it waits for tells it. If it was looking at the program as that died, it
    // has given up, without a word.
    this.untold = id;
    void this.awaitWord(id);
  }

  /** gdb has stopped: gives what it has not been told, once. */
  take(): number | undefined {
    const { untold } = this;
    this.untold = undefined;
    return untold;
  }

  /** The process stands at snapshot `id` already; gdb learns of it. */
  lead(id: number): void {
    const { snapshots, client } = this.run;
    snapshots.restore(id).catch((error: unknown) => client.output('important', `${messageOf(error)}\n`));
  }

  /** gdb has given up when it is free to answer, and wants nothing of us, for a while of its own time. */
  private async awaitWord(id: number): Promise<void> {
    const { execution, gdb, host } = this.run;
    const waits = () => this.untold === id && !this.run.told && execution.running;
    for (let quiet = 0, before = -1; quiet < quietTurns; ) {
      await sleep(turnMillis);
      if (!waits()) return;
      await gdb.command('-gdb-show confirm').catch(() => undefined);
      if (!waits()) return;
      const { idle, packets } = host.traffic;
      quiet = idle && packets === before ? quiet + 1 : 0;
      before = packets;
    }
    this.untold = undefined;
    execution.begin();
    this.lead(id);
  }
}
