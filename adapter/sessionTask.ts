// Work that a client sees the progress of and may cancel: DAP's progress events and its `cancel` request.
// Must not know what the work is.
import { UserError } from './errors';
import { cancelledMessage } from './protocol';
import { event } from './sessionEvents';
import type { Client } from './sessionParts';

export class Task {
  private isCancelled = false;
  private stop: (() => void) | undefined;

  constructor(private readonly send: (name: string, body: object) => void, private readonly progressId: string) {}

  /** Throws UserError when the client wants no more of it. */
  check(): void {
    if (this.isCancelled) {
      throw cancelled();
    }
  }

  get cancelled(): boolean {
    return this.isCancelled;
  }

  /** `percentage`: 0 to 100, where it is known. */
  report(message: string, percentage?: number): void {
    this.send('progressUpdate', { progressId: this.progressId, message, ...(percentage === undefined ? {} : { percentage }) });
  }

  /** What ends a wait early; undefined where nothing waits. */
  onCancel(stop: (() => void) | undefined): void {
    this.stop = stop;
    if (this.isCancelled) {
      stop?.();
    }
  }

  cancel(): void {
    this.isCancelled = true;
    this.stop?.();
  }
}

export function cancelled(): UserError {
  return new UserError(cancelledMessage, false);
}

export class Tasks {
  private readonly running = new Map<string, { task: Task; requestId: number }>();
  private next = 1;

  constructor(private readonly client: Pick<Client, 'send' | 'wantsProgress'>) {}

  /** `wished`: the progress id that the client wants. */
  async run<T>(title: string, { requestId, wished }: { requestId: number; wished?: unknown }, work: (task: Task) => Promise<T>): Promise<T> {
    const progressId = typeof wished === 'string' ? wished : `rollpoint-${this.next++}`;
    if (this.running.has(progressId)) {
      throw new UserError(`Another request that is under way has the progress id "${progressId}".`, false);
    }
    const send = (name: string, body: object) => {
      if (this.client.wantsProgress) {
        this.client.send(event(name, body));
      }
    };
    const task = new Task(send, progressId);
    this.running.set(progressId, { task, requestId });
    send('progressStart', { progressId, title, requestId, cancellable: true, percentage: 0 });
    try {
      return await work(task);
    } finally {
      this.running.delete(progressId);
      send('progressEnd', { progressId });
    }
  }

  cancel({ requestId, progressId }: { requestId?: number; progressId?: string }): void {
    for (const [id, running] of this.running) {
      if (id === progressId || running.requestId === requestId) {
        running.task.cancel();
      }
    }
  }
}
