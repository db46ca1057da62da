// Addresses of thread-local variables (qGetTLSAddr), worked out with the layout that glibc publishes for debuggers.
// glibc's `_thread_db_…` symbols are found by gdb (qSymbol); reading is the target's. amd64: TLS variant II.
import type { Client, Handler, HandlerTable } from './client';
import { hexToText, PacketError, parseHexBig, splitOnce, textToHex } from './encoding';
import { getRegister } from './registers';
import type { Target } from './target';

/** Each symbol stands for three 32-bit words: size in bits, number of elements, offset (glibc nptl_db). */
const symbols = {
  moduleId: '_thread_db_link_map_l_tls_modid',
  staticOffset: '_thread_db_link_map_l_tls_offset',
  vectorOfThread: '_thread_db_pthread_dtvp',
  vectorSlot: '_thread_db_dtv_dtv',
  slotPointer: '_thread_db_dtv_t_pointer_val',
} as const;
type Field = keyof typeof symbols;
const fields = Object.keys(symbols) as Field[];
const MAX = (1n << 64n) - 1n;

/** Addresses of the symbols, null for one that the program does not have. */
type Known = Map<Field, bigint | null>;
const perClient = new WeakMap<Client, Known>();

function known(client: Client): Known {
  let map = perClient.get(client);
  if (!map) perClient.set(client, (map = new Map<Field, bigint | null>()));
  return map;
}

/** `qSymbol::` offers to look symbols up, `qSymbol:value:name` answers; the reply asks for the next one. */
const symbol: Handler = (client, args) => {
  const map = known(client);
  const [value, name] = splitOnce(args, ':');
  if (name === '') {
    for (const field of fields) if (map.get(field) === null) map.delete(field);
  } else {
    const text = hexToText(name);
    const field = fields.find((candidate) => symbols[candidate] === text);
    if (field) map.set(field, value === '' ? null : parseHexBig(value));
  }
  const next = fields.find((field) => !map.has(field));
  // Without the first symbol there is no libc yet: asking for the others is in vain until gdb offers anew.
  if (next === undefined || map.get(fields[0] as Field) === null) return 'OK';
  return 'qSymbol:' + textToHex(symbols[next]);
};

async function word(target: Target, address: bigint): Promise<bigint> {
  const bytes = await target.readMemory(address, 8);
  if (bytes.length < 8) throw new PacketError('memory ends', 14);
  return Buffer.from(bytes).readBigUInt64LE();
}

async function descriptor(client: Client, field: Field): Promise<{ bits: number; offset: bigint }> {
  const address = known(client).get(field);
  if (address === undefined || address === null) throw new PacketError('this C library does not tell its layout');
  const bytes = Buffer.from(await client.target.readMemory(address, 12));
  return { bits: bytes.readUInt32LE(0), offset: BigInt(bytes.readUInt32LE(8)) };
}

async function threadPointer(client: Client, tid: number): Promise<bigint> {
  const spec = client.registers.find((register) => register.name === 'fs_base');
  if (!spec) throw new PacketError('no thread pointer');
  const value = Buffer.from(getRegister(await client.target.readRegisters(tid), spec)).readBigUInt64LE();
  if (value === 0n) throw new PacketError('the thread has no TLS yet');
  return value;
}

async function blockOf(client: Client, pointer: bigint, linkMap: bigint): Promise<bigint> {
  const { target } = client;
  const moduleField = await descriptor(client, 'moduleId');
  // gdb gives 0 for a static executable, which is always module 1.
  const moduleId = linkMap === 0n ? 1n : await word(target, linkMap + moduleField.offset);
  if (moduleId === 0n) throw new PacketError('the module has no TLS');
  const vector = await word(target, pointer + (await descriptor(client, 'vectorOfThread')).offset);
  const slot = await descriptor(client, 'vectorSlot');
  const slotBytes = BigInt(slot.bits / 8);
  const length = await word(target, vector - slotBytes);
  if (moduleId <= length) {
    const at = vector + slot.offset + moduleId * slotBytes + (await descriptor(client, 'slotPointer')).offset;
    const block = await word(target, at);
    if (block !== MAX && block !== 0n) return block;
  }
  // Not touched by this thread yet: a module loaded at start has its block at a fixed distance all the same.
  if (linkMap !== 0n) {
    const offset = await word(target, linkMap + (await descriptor(client, 'staticOffset')).offset);
    if (offset > 0n && offset < 1n << 40n) return pointer - offset;
  }
  throw new PacketError('the thread has not allocated this TLS block yet');
}

const tlsAddress: Handler = async (client, args) => {
  const [thread, offset, linkMap] = args.split(',');
  const pointer = await threadPointer(client, client.parseThread(thread ?? ''));
  const block = await blockOf(client, pointer, parseHexBig(linkMap ?? '0'));
  return (block + parseHexBig(offset ?? '0')).toString(16);
};

export const tlsHandlers: HandlerTable = { qSymbol: symbol, qGetTLSAddr: tlsAddress };
