// Packets that read, write and search memory and registers: m M X x, g G p P, qSearch, qCRC, qGetTLSAddr's neighbours.
// The target does the access; packets and replies are all that is known here.
import type { Client, Handler, HandlerTable } from './client';
import { bytesToHex, fromLatin1, hexToBytes, latin1, PacketError, parseHex, parseHexBig, parseRange, splitOnce } from './encoding';
import { getRegister, packRegisters, setRegister, unpackRegisters, type RegisterWrite } from './registers';
import type { ThreadRegisters } from './target';

const CHUNK = 64 * 1024;

const readMemory: Handler = async (client, args) => {
  const { address, length } = parseRange(args);
  if (length === 0) return '';
  return bytesToHex(await client.target.readMemory(address, length));
};

/** `x`: as `m` with a binary reply, told from an error by a leading `b`. */
const readBinary: Handler = async (client, args) => {
  const { address, length } = parseRange(args);
  return 'b' + (length === 0 ? '' : latin1(await client.target.readMemory(address, length)));
};

async function write(client: Client, args: string, decode: (data: string) => Uint8Array): Promise<string> {
  const [where, data] = splitOnce(args, ':');
  const { address, length } = parseRange(where);
  const bytes = decode(data);
  if (bytes.length !== length) throw new PacketError('length does not fit the data');
  if (length > 0) await client.target.writeMemory(address, bytes);
  return 'OK';
}

async function store(client: Client, tid: number, registers: ThreadRegisters, written: RegisterWrite): Promise<void> {
  if (!written.general && !written.xstate) return;
  await client.target.writeRegisters(tid, {
    ...(written.general ? { general: registers.general } : {}),
    ...(written.xstate ? { xstate: registers.xstate } : {}),
  });
}

const readRegisters: Handler = async (client) =>
  bytesToHex(packRegisters(await client.target.readRegisters(client.currentThread()), client.registers));

const writeRegisters: Handler = async (client, args) => {
  const tid = client.currentThread();
  const registers = await client.target.readRegisters(tid);
  await store(client, tid, registers, unpackRegisters(registers, client.registers, hexToBytes(args)));
  return 'OK';
};

const readRegister: Handler = async (client, args) => {
  const spec = client.registers[parseHex(args)];
  if (!spec) throw new PacketError(`no register ${args}`);
  return bytesToHex(getRegister(await client.target.readRegisters(client.currentThread()), spec));
};

const writeRegister: Handler = async (client, args) => {
  const [number, value] = splitOnce(args, '=');
  const spec = client.registers[parseHex(number)];
  if (!spec) throw new PacketError(`no register ${number}`);
  const bytes = hexToBytes(value);
  if (bytes.length < spec.size) throw new PacketError(`value of ${spec.name} is too short`);
  const tid = client.currentThread();
  const registers = await client.target.readRegisters(tid);
  await store(client, tid, registers, setRegister(registers, spec, bytes));
  return 'OK';
};

/** Reads piece by piece; stops early where memory ends. `overlap` bytes are seen twice, at the end and at the start of pieces. */
async function* pieces(client: Client, address: bigint, length: number, overlap: number): AsyncGenerator<{ at: bigint; data: Uint8Array }> {
  for (let at = 0; at < length; at += CHUNK) {
    const want = Math.min(length - at, CHUNK + overlap);
    const data = await client.target.readMemory(address + BigInt(at), want);
    yield { at: address + BigInt(at), data };
    if (data.length < want) return;
  }
}

/** `qSearch:memory:addr;length;pattern`: `1,addr` or `0`. */
const search: Handler = async (client, args) => {
  const [kind, rest] = splitOnce(args, ':');
  if (kind !== 'memory') return '';
  const [address, afterAddress] = splitOnce(rest, ';');
  const [length, raw] = splitOnce(afterAddress, ';');
  const pattern = fromLatin1(raw);
  if (pattern.length === 0) throw new PacketError('empty pattern');
  for await (const piece of pieces(client, parseHexBig(address), parseHex(length), pattern.length - 1)) {
    const at = Buffer.from(piece.data.buffer, piece.data.byteOffset, piece.data.length).indexOf(pattern);
    if (at >= 0) return `1,${(piece.at + BigInt(at)).toString(16)}`;
  }
  return '0';
};

const crcTable = Array.from({ length: 256 }, (_, n) => {
  let value = n << 24;
  for (let bit = 0; bit < 8; bit++) value = value & 0x80000000 ? (value << 1) ^ 0x04c11db7 : value << 1;
  return value >>> 0;
});

/** CRC-32 of `compare-sections`: polynomial 0x04c11db7, most significant bit first, start 0xffffffff, no final xor. */
export function crc32(data: Uint8Array, start = 0xffffffff): number {
  let crc = start;
  for (const byte of data) crc = ((crc << 8) ^ (crcTable[((crc >>> 24) ^ byte) & 0xff] ?? 0)) >>> 0;
  return crc;
}

const checksumMemory: Handler = async (client, args) => {
  const { address, length } = parseRange(args);
  let crc = 0xffffffff;
  let seen = 0;
  for await (const piece of pieces(client, address, length, 0)) {
    crc = crc32(piece.data, crc);
    seen += piece.data.length;
  }
  if (seen < length) throw new PacketError('memory ends before the range does', 14);
  return 'C' + crc.toString(16);
};

export const memoryHandlers: HandlerTable = {
  m: readMemory,
  x: readBinary,
  M: (client, args) => write(client, args, hexToBytes),
  X: (client, args) => write(client, args, fromLatin1),
  g: readRegisters,
  G: writeRegisters,
  p: readRegister,
  P: writeRegister,
  qSearch: search,
  qCRC: checksumMemory,
};
