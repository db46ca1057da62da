// Numbers, bytes and text as the remote protocol writes them: hex, big and small.
// Pure; throws PacketError on what does not parse, which the dispatcher answers with E01.

/** A packet that cannot be understood or carried out; `code` goes into the `E NN` reply. */
export class PacketError extends Error {
  constructor(
    message: string,
    readonly code = 1,
  ) {
    super(message);
  }
}

export const errnoOf: Readonly<Record<string, number>> = { EPERM: 1, ESRCH: 3, EIO: 5, EFAULT: 14, EBUSY: 16, EINVAL: 22, ENOSPC: 28 };

export function errorReply(code: number): string {
  return 'E' + (code & 0xff).toString(16).padStart(2, '0');
}

export function bytesToHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

export function hexToBytes(hex: string): Buffer {
  if (hex.length % 2 !== 0 || /[^0-9a-fA-F]/.test(hex)) throw new PacketError(`not hex: ${hex.slice(0, 40)}`);
  return Buffer.from(hex, 'hex');
}

/** UTF-8 text ↔ hex, as in qRcmd, vRun and file names. */
export function textToHex(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex');
}

export function hexToText(hex: string): string {
  return hexToBytes(hex).toString('utf8');
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

export function fromLatin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

export function parseHexBig(text: string): bigint {
  if (!/^[0-9a-fA-F]+$/.test(text)) throw new PacketError(`not a number: ${text.slice(0, 40)}`);
  return BigInt('0x' + text);
}

export function parseHex(text: string): number {
  if (!/^[0-9a-fA-F]{1,13}$/.test(text)) throw new PacketError(`not a number: ${text.slice(0, 40)}`);
  return Number.parseInt(text, 16);
}

/** `addr,length`; the length in bytes. */
export function parseRange(text: string): { address: bigint; length: number } {
  const comma = text.indexOf(',');
  if (comma < 0) throw new PacketError(`not an address and a length: ${text.slice(0, 40)}`);
  return { address: parseHexBig(text.slice(0, comma)), length: parseHex(text.slice(comma + 1)) };
}

/** Splits at the first separator; the second part is empty when there is none. */
export function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
