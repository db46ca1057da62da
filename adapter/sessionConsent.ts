// Questions to the user by way of a client that can ask them: an event tells one, a request brings the answer.
// Must not know what is asked about.
import type { SnapshotId, SnapshotWarning } from './protocol';
import { event } from './sessionEvents';
import type { Client } from './sessionParts';

export class Questions {
  private pending: { question: number; answered: (yes: boolean) => void } | undefined;
  private last = 0;

  constructor(private readonly client: Pick<Client, 'send'>) {}

  /** One at a time: a later question is the answer no to one that is still open. */
  restore(id: SnapshotId, warnings: readonly SnapshotWarning[]): Promise<boolean> {
    this.withdraw();
    const question = ++this.last;
    return new Promise((answered) => {
      this.pending = { question, answered };
      this.client.send(event('rollpoint/confirmRestore', { question, id, warnings: [...warnings] }));
    });
  }

  /** An answer to what is no longer asked changes nothing. */
  answer(question: unknown, yes: boolean): void {
    const { pending } = this;
    if (pending && pending.question === question) {
      this.pending = undefined;
      pending.answered(yes);
    }
  }

  withdraw(): void {
    this.answer(this.pending?.question, false);
  }
}
