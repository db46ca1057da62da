// qXfer: documents that gdb reads piece by piece: target description, threads, auxv, siginfo, executable, process list.
// Each document is made at offset 0 and kept until its end is read, so that the pieces fit together.
import type { Client, HandlerTable } from './client';
import { fromLatin1, latin1, PacketError, parseHex, splitOnce } from './encoding';
import { processListXml } from './processList';
import { escapeXml, targetXml } from './targetXml';

type Maker = (client: Client, annex: string) => Promise<Uint8Array>;

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');

async function threadsXml(client: Client): Promise<string> {
  const threads = client.target.process ? await client.target.threads() : [];
  const lines = threads.map(
    ({ tid, core, name }) => `<thread id="${client.threadName(tid)}"${core === undefined ? '' : ` core="${core}"`} name="${escapeXml(name)}"/>`,
  );
  return `<?xml version="1.0"?><threads>${lines.join('')}</threads>`;
}

const makers: Readonly<Record<string, Maker>> = {
  features: async (client, annex) => {
    if (annex !== 'target.xml') throw new PacketError(`no document ${annex}`, 0);
    return utf8(targetXml(client.registers));
  },
  threads: async (client) => utf8(await threadsXml(client)),
  auxv: (client) => client.target.readAuxv(),
  siginfo: (client) => client.target.readSiginfo(client.currentThread()),
  'exec-file': async (client, annex) => {
    if (annex !== '' && parseHex(annex) !== client.process.pid) throw new PacketError('no such process');
    return utf8(client.process.executable);
  },
  osdata: async (_client, annex) => utf8(await processListXml(annex)),
};

/** `m` and a piece, `l` and the last one. */
function piece(document: Buffer, offset: number, length: number): string {
  const part = document.subarray(offset, offset + length);
  return (offset + part.length < document.length ? 'm' : 'l') + latin1(part);
}

export const transferHandlers: HandlerTable = {
  qXfer: async (client, args) => {
    const [object, afterObject] = splitOnce(args, ':');
    const [operation, afterOperation] = splitOnce(afterObject, ':');
    const make = Object.hasOwn(makers, object) ? makers[object] : undefined;
    if (!make || operation !== 'read') return '';
    const at = afterOperation.lastIndexOf(':');
    const annex = afterOperation.slice(0, at);
    const [offset, length] = splitOnce(afterOperation.slice(at + 1), ',').map(parseHex) as [number, number];
    const key = `${object}:${annex}`;
    let document = client.transfers.get(key);
    if (offset === 0 || !document) {
      document = Buffer.from(await make(client, annex));
      client.transfers.set(key, document);
    }
    const reply = piece(document, offset, length);
    if (reply.startsWith('l')) client.transfers.delete(key);
    return reply;
  },
};

/** For tests: the bytes that a reply carries. */
export function transferData(reply: string): Buffer {
  return fromLatin1(reply.slice(1));
}
