// Listens for clients and serves them one at a time; decides when the server has done its work.
// Knows no packets; how the debuggee is held is the target's.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Address } from './address';
import type { ServerLog, ServerSettings } from './client';
import { Connection, type ConnectionEnd } from './connection';
import { createDispatcher } from './dispatcher';
import { closeHostFiles } from './hostFiles';
import type { Target } from './target';

export interface ServerOptions {
  target: Target;
  settings: ServerSettings;
  log: ServerLog;
  /** End after the first connection. */
  once: boolean;
}

export class RspServer {
  /** Settles when the server is over: its clients are gone and no further one is waited for. */
  readonly finished: Promise<void>;
  private readonly dispatch;
  private server: Server | null = null;
  private connection: Connection | null = null;
  private readonly waiting: Socket[] = [];
  private address: Address | null = null;
  private finish: () => void = () => undefined;
  private over = false;

  constructor(private readonly options: ServerOptions) {
    this.dispatch = createDispatcher(new Map(options.settings.environment));
    this.finished = new Promise((resolve) => (this.finish = resolve));
  }

  /** The port listened on; null for a unix socket. Rejects with the error of listen(2), `code` as in errno. */
  async listen(address: Exclude<Address, { kind: 'stdio' }>): Promise<number | null> {
    const server = createServer({ noDelay: true }, (socket) => this.accept(socket));
    this.server = server;
    this.address = address;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      if (address.kind === 'unix') server.listen(address.path, resolve);
      else server.listen({ port: address.port, ...(address.host === null ? {} : { host: address.host }) }, resolve);
    });
    if (address.kind === 'unix') {
      chmodSync(address.path, 0o600);
      return null;
    }
    return (server.address() as AddressInfo).port;
  }

  /** Whether the client waits for us, and how many packets it has sent so far. */
  get traffic(): { idle: boolean; packets: number } {
    return { idle: this.connection?.idle ?? true, packets: this.connection?.packets ?? 0 };
  }

  /** An interrupt that has come after the stop which it was to bring about is not owed to the next run. */
  forgetInterrupt(): void {
    if (this.connection) this.connection.client.interruptRequested = false;
  }

  /** One client on two streams; the server is over with it. */
  async serveStreams(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<void> {
    await this.serve(input, output);
    this.close();
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    this.server?.close();
    for (const socket of this.waiting.splice(0)) socket.destroy();
    this.connection?.close();
    if (this.address?.kind === 'unix') rmSync(this.address.path, { force: true });
    this.finish();
  }

  private accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (this.over) {
      socket.destroy();
    } else if (this.connection) {
      // A second client waits for the first to leave, as with gdbserver.
      this.waiting.push(socket);
    } else {
      void this.serveSocket(socket);
    }
  }

  private async serveSocket(socket: Socket): Promise<void> {
    const { log, settings, target, once } = this.options;
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress) log.notice(`Remote debugging from host ${remoteAddress.replace(/^::ffff:/, '')}, port ${remotePort}`);
    const end = await this.serve(socket, socket);
    socket.destroySoon();
    if (this.over) return;
    if (end.endServer || once || (!settings.extended && !target.process)) return this.close();
    log.notice('Remote side has terminated connection.  The server will reopen the connection.');
    const port = this.server?.address() ?? null;
    if (port && typeof port === 'object') log.notice(`Listening on port ${port.port}`);
    const next = this.waiting.shift();
    if (next) void this.serveSocket(next);
  }

  private async serve(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<ConnectionEnd> {
    const { target, settings, log } = this.options;
    const connection = new Connection({ input, output, target, settings, log, dispatch: this.dispatch });
    this.connection = connection;
    const end = await connection.ended;
    this.connection = null;
    await closeHostFiles(connection.client);
    return end;
  }
}
