// The state of a stopped process, read anew from /proc and from its registers: the oracle for rollbacks.
// Must not use anything that the core remembers; threads and registers can only come from the tracer itself.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { addon, type Rig } from './native';

const pageSize = 4096n;
const present = 1n << 63n;
const swapped = 1n << 62n;

interface Mapping {
  start: bigint;
  end: bigint;
  permissions: string;
  offset: bigint;
  device: string;
  inode: string;
  name: string;
}

export interface ProcessState {
  /** Mappings as text, those that the kernel may merge or split at will joined. */
  layout: string[];
  /** Address of each page of writable memory that is not all zero → digest of it. */
  pages: Map<bigint, string>;
  /** Thread → registers, vector registers, signal mask and name. */
  threads: Map<number, Record<string, string>>;
  /** Number → what it is open on, and position and flags. */
  descriptors: Map<string, string>;
  signals: string;
}

function readMappings(pid: number): Mapping[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').trim().split('\n');
  return lines.map((line) => {
    const [, start, end, permissions, offset, device, inode, name] =
      /^(\w+)-(\w+) (\S+) (\w+) (\S+) (\d+) *(.*)$/.exec(line) as unknown as [string, string, string, string, string, string, string, string];
    return { start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), permissions, offset: BigInt(`0x${offset}`), device, inode, name };
  });
}

/** The stack grows by page faults too, but never shrinks: its lower end is compared by its pages alone. */
function layoutOf(mappings: Mapping[]): string[] {
  const joined: Mapping[] = [];
  for (const mapping of mappings) {
    // The heap may begin where the program's zeroed data end; the kernel joins the two when it likes.
    const each = mapping.name === '[heap]' ? { ...mapping, name: '' } : mapping;
    const last = joined.at(-1);
    const follows = last && last.end === each.start && (each.inode === '0' || last.offset + (last.end - last.start) === each.offset);
    if (follows && (['permissions', 'device', 'inode', 'name'] as const).every((key) => last[key] === each[key])) {
      last.end = each.end;
    } else {
      joined.push({ ...each });
    }
  }
  return joined.map(({ start, end, permissions, offset, inode, name }) => {
    const from = name === '[stack]' ? '' : start.toString(16);
    return `${from}-${end.toString(16)} ${permissions} ${inode === '0' ? 0 : offset.toString(16)} ${inode} ${name}`;
  });
}

const zeroPage = Buffer.alloc(Number(pageSize));

/** Private pages that the program cannot write now may have been written before, so they count too. */
function holdsData({ permissions, inode, name }: Mapping): boolean {
  return !/^\[(vvar|vdso|vsyscall)/.test(name) && (permissions.includes('w') || (permissions.endsWith('p') && inode === '0'));
}

/**
 * Without the tracer's own page of code inside the debuggee and the buffer behind it, by which it makes system calls
 * there, and the window by which pages cross: none of them belongs to the program.
 */
const bufferSize = 0x50000n;
function tracersOwn(mappings: Mapping[]): { start: bigint; end: bigint } | undefined {
  const isCode = (each: Mapping) =>
    each.permissions === 'r-xp' && each.inode === '0' && each.name === '' && each.end - each.start === pageSize;
  const code = mappings.find((each) => isCode(each) && mappings.some((next) => next.start === each.end));
  return code && { start: code.start, end: code.end + bufferSize };
}

function without(own: { start: bigint; end: bigint } | undefined, mappings: Mapping[]): Mapping[] {
  return mappings.flatMap((each) => {
    if (each.name.startsWith('/memfd:rollpoint')) {
      return [];
    }
    if (!own || each.end <= own.start || each.start >= own.end) {
      return [each];
    }
    return each.end > own.end ? [{ ...each, start: own.end }] : [];
  });
}

/** Where glibc keeps the words that the kernel writes whenever a thread has moved to another processor (rseq(2)). */
const rseqSize = 32n;
async function rseqAreas(rig: Rig, mappings: Mapping[]): Promise<bigint[]> {
  const linker = mappings.find(({ name }) => /\/ld-linux[^/]*\.so/.test(name));
  const symbol = linker && dynamicSymbol(linker.name, '__rseq_offset');
  if (!linker || symbol === undefined) {
    return [];
  }
  const offset = (await rig.core.readMemory(linker.start + symbol, 8));
  const threads = await rig.core.threads();
  const bases = await Promise.all(threads.map(({ tid }) => rig.register(tid, 'fs_base')));
  const relative = new DataView(offset.buffer, offset.byteOffset).getBigInt64(0, true);
  return bases.map((base) => base + relative);
}

function dynamicSymbol(file: string, name: string): bigint | undefined {
  const listing = execFileSync('nm', ['-D', '--defined-only', file], { encoding: 'utf8' });
  const line = listing.split('\n').find((each) => each.includes(` ${name}`));
  return line === undefined ? undefined : BigInt(`0x${line.split(' ')[0]}`);
}

function digestOf(page: Buffer, address: bigint, volatile: bigint[]): string | undefined {
  for (const area of volatile.filter((each) => each >= address && each < address + pageSize)) {
    page.fill(0, Number(area - address), Number(area - address + rseqSize));
  }
  return page.equals(zeroPage) ? undefined : createHash('sha1').update(page).digest('base64');
}

function readPages(pid: number, mappings: Mapping[], volatile: bigint[]): Map<bigint, string> {
  const pages = new Map<bigint, string>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const pagemap = openSync(`/proc/${pid}/pagemap`, 'r');
  try {
    for (const mapping of mappings) {
      const count = Number((mapping.end - mapping.start) / pageSize);
      const entries = Buffer.alloc(count * 8);
      readSync(pagemap, entries, 0, entries.length, (mapping.start / pageSize) * 8n);
      const page = Buffer.alloc(Number(pageSize));
      for (let i = 0; i < count; ++i) {
        // Of anonymous private memory what is neither present nor swapped is zero, and reading it would make it present.
        const mayBeZero = mapping.inode === '0' && mapping.permissions.endsWith('p');
        if (mayBeZero && (entries.readBigUInt64LE(i * 8) & (present | swapped)) === 0n) {
          continue;
        }
        const address = mapping.start + BigInt(i) * pageSize;
        if (readSync(memory, page, 0, page.length, address) !== page.length) {
          throw new Error(`Page ${address.toString(16)} of ${mapping.name} cannot be read`);
        }
        const digest = digestOf(page, address, volatile);
        if (digest !== undefined) {
          pages.set(address, digest);
        }
      }
    }
  } finally {
    closeSync(memory);
    closeSync(pagemap);
  }
  return pages;
}

const restartErrors = [-512n, -513n, -514n, -516n];
const anyRestarted = 'a call with a time limit';
/** nanosleep, clock_nanosleep, futex, poll: come back as restart_syscall (219) at a second stop. */
const withRestartBlock = [35n, 230n, 202n, 7n, 219n];
const epollWaits = [232n, 281n, 441n];
const interrupted = -4n;

/** A call that a stop interrupted counts as about to be made again, however the registers say so. */
function canonical(registers: Record<string, bigint>): Record<string, string> {
  const r = { ...registers };
  const result = BigInt.asIntN(64, r.rax!);
  const call = BigInt.asIntN(64, r.orig_rax!);
  const again = restartErrors.includes(result) || (result === interrupted && epollWaits.includes(call));
  if (call >= 0n && again) {
    r.rip! -= 2n;
    r.rax = BigInt.asUintN(64, call);
  }
  r.orig_rax = 0n;
  const text = Object.fromEntries(Object.entries(r).map(([name, value]) => [name, value.toString(16)]));
  // Bit 16 is the resume flag of the debug facility.
  text.eflags = (r.eflags! & ~0x10000n).toString(16);
  return withRestartBlock.includes(r.rax!) ? { ...text, rax: anyRestarted } : text;
}

/** Legacy area without its reserved and software bytes, then each component (Intel SDM 1, 13.4). */
function xstateDigest(xstate: Uint8Array): string {
  const hash = createHash('sha1').update(xstate.subarray(0, 416));
  for (const { offset, size } of addon.probe().xstate) {
    hash.update(xstate.subarray(offset, offset + size));
  }
  return hash.digest('base64');
}

async function readThreads(rig: Rig): Promise<ProcessState['threads']> {
  const threads: ProcessState['threads'] = new Map();
  const alive = readdirSync(`/proc/${rig.pid}/task`).map(Number);
  for (const { tid, name } of await rig.core.threads()) {
    if (!alive.includes(tid)) {
      throw new Error(`Thread ${tid} is listed and does not exist`);
    }
    const status = readFileSync(`/proc/${rig.pid}/task/${tid}/status`, 'utf8');
    const { xstate } = await rig.core.readRegisters(tid);
    threads.set(tid, {
      ...canonical(await rig.registers(tid)),
      xstate: xstateDigest(xstate),
      blocked: /^SigBlk:\s*(\w+)/m.exec(status)![1]!,
      name,
    });
  }
  return threads;
}

function readDescriptors(pid: number): Map<string, string> {
  return new Map(
    readdirSync(`/proc/${pid}/fd`).map((number) => {
      const info = readFileSync(`/proc/${pid}/fdinfo/${number}`, 'utf8');
      const position = info.split('\n').filter((line) => /^(pos|flags):/.test(line));
      return [number, [readlinkSync(`/proc/${pid}/fd/${number}`), ...position].join(' ')];
    }),
  );
}

export async function readState(rig: Rig): Promise<ProcessState> {
  const all = readMappings(rig.pid);
  const own = tracersOwn(all);
  const mappings = without(own, all);
  const threads = await readThreads(rig);
  for (const [tid, { rip }] of threads) {
    if (own && BigInt(`0x${rip}`) >= own.start && BigInt(`0x${rip}`) < own.end) {
      throw new Error(`Thread ${tid} stands in the tracer's own page, where the program has no business`);
    }
  }
  return {
    layout: layoutOf(mappings),
    pages: readPages(rig.pid, mappings.filter(holdsData), await rseqAreas(rig, mappings)),
    threads,
    descriptors: readDescriptors(rig.pid),
    signals: readFileSync(`/proc/${rig.pid}/status`, 'utf8').match(/^Sig(Ign|Cgt):.*$/gm)!.join(' '),
  };
}

/** All memory of a process as a debugger reads it, program text and libraries too. */
export interface Image {
  /** Start and end of each mapping. */
  mappings: { start: bigint; end: bigint; name: string }[];
  /** As ProcessState.pages. */
  pages: Map<bigint, string>;
  volatile: bigint[];
}

export async function readImage(rig: Rig): Promise<Image> {
  const all = readMappings(rig.pid);
  const mappings = without(tracersOwn(all), all).filter(({ name }) => !/^\[(vvar|vsyscall)/.test(name));
  const volatile = await rseqAreas(rig, mappings);
  return { mappings, pages: readPages(rig.pid, mappings, volatile), volatile };
}

/** Where `read` gives other bytes than the image has. Reads all of it. */
export async function differencesOfImage(image: Image, read: (address: bigint, length: number) => Promise<Uint8Array>): Promise<string[]> {
  const lines: string[] = [];
  const most = 1n << 20n;
  for (const { start, end, name } of image.mappings) {
    for (let at = start; at < end; at += most) {
      const length = Number(at + most < end ? most : end - at);
      const bytes = Buffer.from(await read(at, length));
      if (bytes.length < length) {
        lines.push(`${name} ends at ${(at + BigInt(bytes.length)).toString(16)} instead of ${end.toString(16)}`);
      }
      for (let offset = 0; offset + Number(pageSize) <= bytes.length; offset += Number(pageSize)) {
        const address = at + BigInt(offset);
        const page = bytes.subarray(offset, offset + Number(pageSize));
        if (digestOf(page, address, image.volatile) !== image.pages.get(address)) {
          lines.push(`page ${address.toString(16)} of ${name} differs`);
        }
      }
    }
  }
  return lines;
}

/** What differs, one line each, the first forty. Empty: nothing. */
export function differences(wanted: ProcessState, got: ProcessState): string[] {
  const lines: string[] = [];
  const missing = wanted.layout.filter((line) => !got.layout.includes(line));
  const extra = got.layout.filter((line) => !wanted.layout.includes(line));
  lines.push(...missing.map((line) => `mapping missing: ${line}`), ...extra.map((line) => `mapping too many: ${line}`));
  for (const address of new Set([...wanted.pages.keys(), ...got.pages.keys()])) {
    const [before, now] = [wanted.pages.get(address), got.pages.get(address)];
    if (before !== now) {
      lines.push(`page ${address.toString(16)}: ${!before ? 'should be zero' : !now ? 'is zero' : 'differs'}`);
    }
  }
  for (const tid of new Set([...wanted.threads.keys(), ...got.threads.keys()])) {
    const [before, now] = [wanted.threads.get(tid), got.threads.get(tid)];
    if (!before || !now) {
      lines.push(`thread ${tid} is ${now ? 'too many' : 'missing'}`);
      continue;
    }
    for (const key of Object.keys(before).filter((name) => before[name] !== now[name])) {
      lines.push(`thread ${tid}: ${key} is ${now[key]}, was ${before[key]}`);
    }
  }
  for (const number of new Set([...wanted.descriptors.keys(), ...got.descriptors.keys()])) {
    const [before, now] = [wanted.descriptors.get(number), got.descriptors.get(number)];
    if (before !== now) {
      lines.push(`descriptor ${number} is ${now}, was ${before}`);
    }
  }
  if (wanted.signals !== got.signals) {
    lines.push(`signals are ${got.signals}, were ${wanted.signals}`);
  }
  return lines.length > 40 ? [...lines.slice(0, 40), `… ${lines.length - 40} more`] : lines;
}
