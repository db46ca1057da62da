// The snapshots of a process debugged with plain gdb: their list, the tree, which is current, and how to go back.
// No retention and no UI: in a debug session the session's own manager stands in its place.
import type { SnapshotCommands, SnapshotLine } from '../rsp/target';
import type { Core } from './core';
import type { PeekTarget } from './peekTarget';

export class SnapshotBook implements SnapshotCommands {
  private readonly lines = new Map<number, SnapshotLine>();
  private current: number | null = null;
  /** The process has run or was edited since `current`. */
  private moved = true;

  constructor(
    private readonly core: Core,
    private readonly target: PeekTarget,
    private readonly clock: () => number = Date.now,
  ) {
    core.on('resumed', () => (this.moved = true));
    core.on('edited', () => (this.moved = true));
    core.on('snapshotsLost', (ids) => ids.forEach((id) => this.drop(id)));
    core.on('revived', ({ id }) => {
      this.current = id;
      this.moved = false;
    });
    core.on('stop', (event) => {
      if (event.type !== 'stopped') this.clear();
    });
  }

  list(): ReturnType<SnapshotCommands['list']> {
    return { snapshots: [...this.lines.values()], current: this.current, moved: this.moved };
  }

  async take(tid: number, label: string | null): Promise<SnapshotLine> {
    const { id, parent, bytes, pauseMicros, warnings } = await this.core.capture({ tid, files: 'rewind' });
    const line = { id, parent, label, createdAt: this.clock(), bytes, pauseMicros, warnings };
    this.lines.set(id, line);
    this.current = id;
    this.moved = false;
    return line;
  }

  async remove(id: number): Promise<void> {
    await this.core.deleteSnapshot(id);
    this.drop(id);
  }

  async restoreAtResume(id: number, tid: number): Promise<void> {
    const keepPresent = async (): Promise<void> => {
      if (this.moved && !this.core.broken) await this.take(tid, `before restoring ${id}`);
    };
    this.target.armRestore(id, keepPresent).then(
      () => {
        this.current = id;
        this.moved = false;
      },
      () => undefined, // Whoever resumed has been told.
    );
  }

  async peekAtResume(id: number | null): Promise<void> {
    // Who resumes is told of a failure.
    this.target.armView(id).catch(() => undefined);
  }

  /** For the target: what is shown becomes the present, and what the present holds is kept. */
  async goTo(id: number): Promise<void> {
    const { presentThread } = this.target;
    if (this.moved && !this.core.broken) await this.take(presentThread, `before restoring ${id}`);
    await this.core.rollback(id);
    this.current = id;
    this.moved = false;
  }

  private drop(id: number): void {
    const gone = this.lines.get(id);
    this.lines.delete(id);
    for (const [child, line] of this.lines) {
      if (line.parent === id) this.lines.set(child, { ...line, parent: gone?.parent ?? null });
    }
    if (this.current === id) {
      this.current = gone?.parent ?? null;
      this.moved = true;
    }
  }

  private clear(): void {
    this.lines.clear();
    this.current = null;
    this.moved = true;
  }
}
