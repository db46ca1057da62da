// The table of all packets: finds the handler of a packet and turns what it throws into an error reply.
// The only place where the handler files meet.
import { breakpointHandlers } from './breakpoints';
import type { Client, DisabledPacket, Handler, HandlerTable } from './client';
import { errnoOf, errorReply, PacketError } from './encoding';
import { hostFileHandlers } from './hostFiles';
import { memoryHandlers } from './memory';
import { monitorHandlers } from './monitor';
import { processHandlers } from './processes';
import { queryHandlers } from './queries';
import { resumeHandlers } from './resume';
import { tlsHandlers } from './tls';
import { transferHandlers } from './transfer';

/** Packets whose name is a word; all others are named by their first character. */
const word = /^(?:[qQv][A-Za-z]+\??|bc$|bs$)/;

export function packetName(payload: string): string {
  return word.exec(payload)?.[0] ?? payload.charAt(0);
}

export function createDispatcher(initialEnvironment: ReadonlyMap<string, string>): (client: Client, payload: string) => Promise<string | null> {
  const table: HandlerTable = {
    ...processHandlers,
    ...queryHandlers(initialEnvironment),
    ...memoryHandlers,
    ...breakpointHandlers,
    ...resumeHandlers,
    ...transferHandlers,
    ...hostFileHandlers,
    ...tlsHandlers,
    ...monitorHandlers,
  };
  return async (client, payload) => {
    const name = packetName(payload);
    if (client.settings.disabledPackets.has(name.replace('?', '') as DisabledPacket) && name !== 'T') return '';
    const handler: Handler | undefined = Object.hasOwn(table, name) ? table[name] : undefined;
    if (!handler) return '';
    const rest = payload.slice(name.length);
    // Word packets set their arguments off by one of `:;,`; letter packets by nothing.
    const args = name.length > 1 && /^[:;,]/.test(rest) ? rest.slice(1) : rest;
    try {
      return await handler(client, args);
    } catch (error) {
      return failure(client, name, error);
    }
  };
}

function failure(client: Client, name: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  client.log.trace(`${name}: ${message}`);
  if (error instanceof PacketError) return errorReply(error.code);
  const code = (error as { code?: unknown } | null)?.code;
  // A bare number would leave the reason with us. Older gdbs do not print it: so it is told here as well.
  if (name === 'vRun' || name === 'vAttach') {
    client.log.notice(message);
    return 'E.' + textToLatin1(message);
  }
  return errorReply(typeof code === 'string' ? (errnoOf[code] ?? 1) : 1);
}

/** `E.` takes plain text; bytes above 0x7e would be read in the locale of gdb. */
function textToLatin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

