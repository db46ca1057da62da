// What the debugger calls threads and processes. The kernel's ids, but for a thread that came back under another one: it
// keeps the name that the debugger knows it by. And for the first thread of a process that is followed: it goes on in the
// place of the thread that made it. Knows nothing of what the ids are used for.
import type { RollbackResult } from './native';

/** No id of a Linux task is as large. */
const firstFree = 1 << 22;

export class TaskNames {
  /** Kernel's id → name, where they differ. */
  private readonly names = new Map<number, number>();
  private next = firstFree;
  private first: { id: number; knownAs: number } | null = null;

  /** Ids and names are the same again. */
  clear(): void {
    this.names.clear();
    this.first = null;
  }

  /** The process in focus: its first thread has the name of thread `knownAs`, which is none of its own. */
  focus(id: number, knownAs: number): void {
    this.first = id === knownAs ? null : { id, knownAs };
  }

  rename(renamed: RollbackResult['renamed']): void {
    for (const { from, to } of renamed) {
      const name = this.nameOf(from);
      this.names.delete(from);
      this.names.set(to, name);
    }
  }

  nameOf(id: number): number {
    return this.ownName(this.first?.id === id ? this.first.knownAs : id);
  }

  private ownName(id: number): number {
    const known = this.names.get(id);
    if (known !== undefined) return known;
    if (!this.isTaken(id)) return id;
    // The kernel has given an id out anew that the debugger knows as another thread's name.
    const name = this.next++;
    this.names.set(id, name);
    return name;
  }

  /** Negative ones stand for all threads and pass unchanged. */
  idOf(name: number): number {
    if (this.first && this.ownName(this.first.knownAs) === name) return this.first.id;
    for (const [id, other] of this.names) {
      if (other === name) return id;
    }
    return name;
  }

  private isTaken(name: number): boolean {
    return [...this.names.values()].includes(name);
  }
}
