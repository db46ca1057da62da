// The debuggee's console as the run sees it: there may be none (attach), and its end must come once.
// Must not know ptys or terminals.
import type { DebuggeeConsole } from './debuggeeConsole';

export class DebuggeeOutput {
  private finished: Promise<void> | undefined;

  constructor(private readonly console: DebuggeeConsole | undefined) {}

  write(text: string): void {
    this.console?.write(text);
  }

  /** What was written so far is out when it resolves. */
  async settle(): Promise<void> {
    await this.console?.settle();
  }

  /** All output is out when it resolves. */
  finish(status: string): Promise<void> {
    this.finished ??= this.console?.finish(status).catch(() => undefined) ?? Promise.resolve();
    return this.finished;
  }

  dispose(): void {
    this.console?.dispose();
  }
}
