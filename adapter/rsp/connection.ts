// One connection: bytes in, packets to the dispatcher in order, replies out, acknowledgements, the interrupt byte.
// Knows no packet by name; while the program runs only an interrupt is acted on, the rest waits its turn.
import { Client, type ServerLog, type ServerSettings } from './client';
import { encodePacket, PacketDecoder } from './packet';
import type { Target } from './target';

export interface ConnectionParts {
  input: NodeJS.ReadableStream;
  output: NodeJS.WritableStream;
  target: Target;
  settings: ServerSettings;
  log: ServerLog;
  dispatch: (client: Client, payload: string) => Promise<string | null>;
}

export interface ConnectionEnd {
  /** A packet asked for the server to end (`k` without extended mode, `monitor exit`, a detach). */
  endServer: boolean;
}

/** Longest part of a payload shown in the trace. */
const TRACED = 300;

export class Connection {
  readonly client: Client;
  /** Settles when the connection is over and its last packet has been handled. */
  readonly ended: Promise<ConnectionEnd>;
  private readonly decoder = new PacketDecoder();
  private readonly queue: string[] = [];
  private lastSent: Buffer | null = null;
  private acknowledge = true;
  private acknowledgeUntilReply = true;
  /** Packets received so far. */
  packets = 0;
  private working = false;
  private over = false;
  private endServer = false;
  private closeAfterReply = false;
  private settle: (end: ConnectionEnd) => void = () => undefined;

  constructor(private readonly parts: ConnectionParts) {
    this.ended = new Promise((resolve) => (this.settle = resolve));
    this.client = new Client(parts.target, parts.settings, parts.log, {
      send: (payload) => this.send(payload),
      endAcknowledgements: () => (this.acknowledgeUntilReply = false),
      close: (endServer) => {
        this.endServer ||= endServer;
        this.closeAfterReply = true;
      },
    });
    parts.input.on('data', (data: Buffer) => this.receive(data));
    parts.input.on('end', () => this.finish());
    parts.input.on('close', () => this.finish());
    parts.input.on('error', () => this.finish());
    if (parts.output !== (parts.input as unknown)) parts.output.on('error', () => this.finish());
  }

  private receive(data: Buffer): void {
    for (const event of this.decoder.push(data)) {
      switch (event.kind) {
        case 'packet':
          if (this.acknowledge) this.parts.output.write('+');
          ++this.packets;
          this.queue.push(event.payload);
          break;
        case 'badChecksum':
          if (this.acknowledge) this.parts.output.write('-');
          break;
        case 'nack':
          if (this.acknowledge && this.lastSent) this.parts.output.write(this.lastSent);
          break;
        case 'interrupt':
          this.trace('<-', '^C');
          this.client.interrupt();
          break;
        case 'ack':
          break;
      }
    }
    void this.work();
  }

  /** No packet waits for its answer. */
  get idle(): boolean {
    return !this.working;
  }

  private async work(): Promise<void> {
    if (this.working) return;
    this.working = true;
    while (!this.over) {
      const payload = this.queue.shift();
      if (payload === undefined) break;
      this.trace('<-', payload);
      const reply = await this.parts.dispatch(this.client, payload);
      if (reply !== null) this.send(reply);
      // The client acknowledges the OK to QStartNoAckMode, and nothing after it.
      this.acknowledge = this.acknowledgeUntilReply;
      if (this.closeAfterReply) this.close();
    }
    this.working = false;
    if (this.over) this.settle({ endServer: this.endServer });
  }

  private send(payload: string): void {
    if (this.over) return;
    this.trace('->', payload);
    this.lastSent = encodePacket(payload);
    this.parts.output.write(this.lastSent);
  }

  /** Ends the connection from our side, after what was sent is out. */
  close(): void {
    this.over = true;
    this.client.dispose();
    this.parts.output.end();
    this.parts.input.pause();
  }

  private finish(): void {
    if (this.over && !this.working) return this.settle({ endServer: this.endServer });
    this.over = true;
    this.client.dispose();
    if (!this.working) this.settle({ endServer: this.endServer });
  }

  private trace(direction: string, payload: string): void {
    if (!this.parts.settings.tracePackets) return;
    const shown = payload.length > TRACED ? `${payload.slice(0, TRACED)}… (${payload.length})` : payload;
    this.parts.log.trace(`${direction} ${shown.replace(/[^\x20-\x7e…]/g, '.')}`);
  }
}
