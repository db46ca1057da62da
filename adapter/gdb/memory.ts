// Memory of the debuggee as bytes, and its code as instructions.
// Must not know DAP; addresses are bigint, sizes are number (bytes).
import { GdbError, type Gdb } from './backend';
import { listOf } from './mi';

export interface Instruction {
  address: bigint;
  bytes: string;
  text: string;
  symbol?: string;
  path?: string;
  line?: number;
}

interface MiInstruction {
  address: string;
  'func-name'?: string;
  offset?: string;
  opcodes?: string;
  inst: string;
}

interface MiSourceLine {
  line: string;
  fullname?: string;
  line_asm_insn?: MiInstruction[];
}

const pageBytes = 4096;

/** Bytes from `address` on, as far as they can be read; empty when none can. */
export async function readMemory(gdb: Gdb, address: bigint, count: number): Promise<Buffer> {
  const all = await readBlock(gdb, address, count);
  if (all.length === count) {
    return all;
  }
  // Where only a part can be read gdb's own search for its end is off by one: pages are readable or not as a whole.
  const parts: Buffer[] = [];
  for (let done = 0; done < count; ) {
    const at = address + BigInt(done);
    const size = Math.min(count - done, pageBytes - Number(at % BigInt(pageBytes)));
    const part = await readBlock(gdb, at, size);
    parts.push(part);
    if (part.length < size) {
      break;
    }
    done += size;
  }
  return Buffer.concat(parts);
}

/** All of it or nothing. */
async function readBlock(gdb: Gdb, address: bigint, count: number): Promise<Buffer> {
  if (count === 0) {
    return Buffer.alloc(0);
  }
  try {
    const { memory } = await gdb.command<{ memory?: { contents: string }[] }>(
      `-data-read-memory-bytes 0x${address.toString(16)} ${count}`,
    );
    const bytes = Buffer.from(listOf(memory)[0]?.contents ?? '', 'hex');
    return bytes.length === count ? bytes : Buffer.alloc(0);
  } catch (error) {
    if (error instanceof GdbError) {
      return Buffer.alloc(0);
    }
    throw error;
  }
}

/** How many bytes from `address` on cannot be read, at most `limit`. */
export async function unreadable(gdb: Gdb, address: bigint, limit: number): Promise<number> {
  const page = BigInt(pageBytes);
  const end = address + BigInt(limit);
  for (let at = (address / page + 1n) * page; at < end; at += page) {
    if ((await readMemory(gdb, at, 1)).length > 0) {
      return Number(at - address);
    }
  }
  return limit;
}

export async function writeMemory(gdb: Gdb, address: bigint, data: Buffer): Promise<void> {
  const chunk = 16 * 1024;
  for (let at = 0; at < data.length; at += chunk) {
    const part = data.subarray(at, at + chunk);
    await gdb.command(`-data-write-memory-bytes 0x${(address + BigInt(at)).toString(16)} "${part.toString('hex')}"`);
  }
}

/** The instructions that start in start … end. */
async function decode(gdb: Gdb, start: bigint, end: bigint): Promise<Instruction[]> {
  const { asm_insns: lines } = await gdb.command<{ asm_insns?: (MiSourceLine | MiInstruction)[] }>(
    `-data-disassemble -s 0x${start.toString(16)} -e 0x${end.toString(16)} -- 5`,
  );
  const result: Instruction[] = [];
  for (const line of listOf(lines)) {
    if ('address' in line) {
      result.push(toInstruction(line));
      continue;
    }
    for (const raw of listOf(line.line_asm_insn)) {
      result.push({ ...toInstruction(raw), path: line.fullname, line: Number(line.line) });
    }
  }
  return result.sort((a, b) => (a.address < b.address ? -1 : 1));
}

function toInstruction(raw: MiInstruction): Instruction {
  const symbol = raw['func-name'] === undefined ? undefined : `${raw['func-name']}+${raw.offset ?? 0}`;
  return { address: BigInt(raw.address), bytes: raw.opcodes ?? '', text: raw.inst, symbol };
}

/** Longest instruction of x86-64; arm64 has 4. */
const longest = 15;

/**
 * `count` instructions, the first `offset` instructions after (or before) the one at `address`. Where there is no
 * code the places are filled, as DAP asks for exactly `count`.
 */
export async function disassemble(gdb: Gdb, address: bigint, offset: number, count: number): Promise<Instruction[]> {
  const before = offset < 0 ? await backwards(gdb, address, -offset) : [];
  const needed = Math.max(0, offset + count);
  const after = needed > 0 ? await forwards(gdb, address, needed) : [];
  const all = [...before, ...after];
  const from = offset < 0 ? 0 : offset;
  const wanted = all.slice(from, from + count);
  let next = (wanted.at(-1)?.address ?? address) + 1n;
  while (wanted.length < count) {
    wanted.push(missing(next++));
  }
  return wanted;
}

async function forwards(gdb: Gdb, address: bigint, count: number): Promise<Instruction[]> {
  const result: Instruction[] = [];
  let at = address;
  while (result.length < count) {
    const readable = (await readMemory(gdb, at, Math.min((count - result.length) * 6 + longest, 4096))).length;
    // The last ones may be cut off by the end of what was read.
    const part = readable > 0 ? await decode(gdb, at, at + BigInt(Math.max(1, readable - longest + 1))).catch(() => []) : [];
    if (part.length === 0) {
      break;
    }
    result.push(...part);
    const last = part.at(-1)!;
    at = last.address + BigInt(Math.max(1, last.bytes.trim().split(/\s+/).length));
  }
  return result.slice(0, count);
}

/** The `count` instructions before `address`, found by decoding from further ahead until one run meets it. */
async function backwards(gdb: Gdb, address: bigint, count: number): Promise<Instruction[]> {
  let found: Instruction[] = [];
  for (const span of [count * 5 + longest, count * longest + longest]) {
    for (let shift = 0; shift < longest && found.length < count; shift++) {
      const start = address - BigInt(span + shift);
      const run = start > 0n ? await decode(gdb, start, address).catch(() => []) : [];
      const last = run.at(-1);
      const meets = last && last.address + BigInt(last.bytes.trim().split(/\s+/).length) === address;
      if (meets && run.length > found.length) {
        found = run;
      }
    }
  }
  found = found.slice(-count);
  const first = found[0]?.address ?? address;
  const filler = Array.from({ length: count - found.length }, (_, index) => missing(first - BigInt(count - found.length - index)));
  return [...filler, ...found];
}

function missing(address: bigint): Instruction {
  return { address, bytes: '', text: '??' };
}
