// The registers of amd64: number, name, size, and where each lies in what the kernel gives.
// Pure; reading and writing a thread is the target's, describing the set to gdb is targetXml's.
import type { RegisterFeatures, ThreadRegisters } from './target';

export type FeatureName = 'core' | 'sse' | 'linux' | 'segments' | 'avx' | 'avx512' | 'pkeys';

export interface RegisterSpec {
  name: string;
  /** Bytes in `g` and `p`. */
  size: number;
  /** A type predefined by gdb or defined in targetXml. */
  type: string;
  feature: FeatureName;
  group?: 'float' | 'vector';
  /** Which blob, the offset there, and for xstate the component whose XSTATE_BV bit a write must set. */
  place: { blob: 'general'; offset: number } | { blob: 'xstate'; offset: number; component: number; form?: 'tag' | 'word' };
}

/** Field order of struct user_regs_struct (sys/user.h), 8 bytes each. */
const generalOrder = (
  'r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs'
).split(' ');

const X87 = 0;
const SSE = 1;
const AVX = 2;
const OPMASK = 5;
const ZMM_HI256 = 6;
const HI16_ZMM = 7;
const PKRU = 9;
const XSTATE_BV_OFFSET = 512;
const FTAG_OFFSET = 4;

function has(features: RegisterFeatures, component: number): boolean {
  return ((features.xcr0 >> BigInt(component)) & 1n) === 1n && offsetOf(features, component) !== null;
}

function offsetOf(features: RegisterFeatures, component: number): number | null {
  return features.xstate.find((entry) => entry.component === component)?.offset ?? null;
}

function general(name: string, size: number, type: string, feature: FeatureName): RegisterSpec {
  return { name, size, type, feature, place: { blob: 'general', offset: generalOrder.indexOf(name) * 8 } };
}

function coreRegisters(): RegisterSpec[] {
  const list: RegisterSpec[] = [];
  for (const name of 'rax rbx rcx rdx rsi rdi'.split(' ')) list.push(general(name, 8, 'int64', 'core'));
  for (const name of ['rbp', 'rsp']) list.push(general(name, 8, 'data_ptr', 'core'));
  for (let n = 8; n < 16; n++) list.push(general(`r${n}`, 8, 'int64', 'core'));
  list.push(general('rip', 8, 'code_ptr', 'core'), general('eflags', 4, 'i386_eflags', 'core'));
  for (const name of 'cs ss ds es fs gs'.split(' ')) list.push(general(name, 4, 'int32', 'core'));
  for (let n = 0; n < 8; n++) {
    const place = { blob: 'xstate', offset: 32 + 16 * n, component: X87 } as const;
    list.push({ name: `st${n}`, size: 10, type: 'i387_ext', feature: 'core', place });
  }
  // FXSAVE area (Intel SDM vol. 1, table 10-2). Instruction and data pointers are 64 bits wide there; the protocol
  // shows the low half as offset and the 16 bits above as selector, as gdb does.
  const control: [string, number, ('tag' | 'word')?][] = [
    ['fctrl', 0, 'word'], ['fstat', 2, 'word'], ['ftag', FTAG_OFFSET, 'tag'], ['fiseg', 12, 'word'],
    ['fioff', 8], ['foseg', 20, 'word'], ['fooff', 16], ['fop', 6, 'word'],
  ];
  for (const [name, offset, form] of control) {
    list.push({ name, size: 4, type: 'int', feature: 'core', group: 'float', place: { blob: 'xstate', offset, component: X87, form } });
  }
  return list;
}

interface Block {
  prefix: string;
  suffix?: string;
  first: number;
  count: number;
  size: number;
  type: string;
  feature: FeatureName;
  base: number;
  stride: number;
  component: number;
}

function vectors(block: Block): RegisterSpec[] {
  return Array.from({ length: block.count }, (_, n) => ({
    name: `${block.prefix}${block.first + n}${block.suffix ?? ''}`,
    size: block.size,
    type: block.type,
    feature: block.feature,
    place: { blob: 'xstate', offset: block.base + block.stride * n, component: block.component },
  }));
}

function avx512Registers(features: RegisterFeatures): RegisterSpec[] {
  const high = offsetOf(features, HI16_ZMM) ?? 0;
  const upper = offsetOf(features, ZMM_HI256) ?? 0;
  const masks = offsetOf(features, OPMASK) ?? 0;
  const common = { feature: 'avx512', stride: 64, component: HI16_ZMM } as const;
  return [
    ...vectors({ ...common, prefix: 'xmm', first: 16, count: 16, size: 16, type: 'vec128', base: high }),
    ...vectors({ ...common, prefix: 'ymm', suffix: 'h', first: 16, count: 16, size: 16, type: 'uint128', base: high + 16 }),
    ...vectors({ ...common, prefix: 'k', first: 0, count: 8, size: 8, type: 'uint64', base: masks, stride: 8, component: OPMASK }),
    ...vectors({
      ...common, prefix: 'zmm', suffix: 'h', first: 0, count: 16, size: 32, type: 'v2ui128', base: upper, stride: 32, component: ZMM_HI256,
    }),
    ...vectors({ ...common, prefix: 'zmm', suffix: 'h', first: 16, count: 16, size: 32, type: 'v2ui128', base: high + 32 }),
  ];
}

/** The register set of a machine, in protocol order: the index is the register's number. */
export function registerSet(features: RegisterFeatures): RegisterSpec[] {
  const list = coreRegisters();
  list.push(...vectors({
    prefix: 'xmm', first: 0, count: 16, size: 16, type: 'vec128', feature: 'sse', base: 160, stride: 16, component: SSE,
  }));
  list.push({ name: 'mxcsr', size: 4, type: 'i386_mxcsr', feature: 'sse', group: 'vector', place: { blob: 'xstate', offset: 24, component: SSE } });
  list.push(general('orig_rax', 8, 'int', 'linux'));
  for (const name of ['fs_base', 'gs_base']) list.push(general(name, 8, 'int', 'segments'));
  const avx = offsetOf(features, AVX);
  if (avx !== null && has(features, AVX)) {
    list.push(...vectors({
      prefix: 'ymm', suffix: 'h', first: 0, count: 16, size: 16, type: 'uint128', feature: 'avx', base: avx, stride: 16, component: AVX,
    }));
    if ([OPMASK, ZMM_HI256, HI16_ZMM].every((component) => has(features, component))) list.push(...avx512Registers(features));
  }
  const pkeys = offsetOf(features, PKRU);
  if (pkeys !== null && has(features, PKRU)) {
    list.push({ name: 'pkru', size: 4, type: 'int32', feature: 'pkeys', place: { blob: 'xstate', offset: pkeys, component: PKRU } });
  }
  return list;
}

/** FXSAVE keeps one bit a register (valid or not); x87 has two, of which `zero` and `special` follow from the value. */
function fullTag(registers: ThreadRegisters): number {
  const x = registers.xstate;
  const abridged = x[FTAG_OFFSET] ?? 0;
  const top = ((x[3] ?? 0) >> 3) & 7;
  let tag = 0;
  for (let physical = 0; physical < 8; physical++) {
    const bits = (abridged >> physical) & 1 ? tagOf(x.subarray(32 + 16 * ((physical - top) & 7))) : 3;
    tag |= bits << (2 * physical);
  }
  return tag;
}

/** 0 valid, 1 zero, 2 special: the two-bit tag of an 80-bit value. */
function tagOf(value: Uint8Array): number {
  const view = new DataView(value.buffer, value.byteOffset, 10);
  const exponent = view.getUint16(8, true) & 0x7fff;
  const mantissa = view.getBigUint64(0, true);
  if (exponent === 0x7fff) return 2;
  if (exponent === 0) return mantissa === 0n ? 1 : 2;
  return mantissa >> 63n === 1n ? 0 : 2;
}

function abridgedTag(full: number): number {
  let tag = 0;
  for (let physical = 0; physical < 8; physical++) if (((full >> (2 * physical)) & 3) !== 3) tag |= 1 << physical;
  return tag;
}

/** The register's bytes as `g` and `p` carry them. */
export function getRegister(registers: ThreadRegisters, spec: RegisterSpec): Uint8Array {
  const { place } = spec;
  if (place.blob === 'general') return registers.general.slice(place.offset, place.offset + spec.size);
  const value = new Uint8Array(spec.size);
  if (place.form === 'tag') new DataView(value.buffer).setUint16(0, fullTag(registers), true);
  else value.set(registers.xstate.subarray(place.offset, place.offset + (place.form === 'word' ? 2 : spec.size)));
  return value;
}

export interface RegisterWrite {
  general: boolean;
  xstate: boolean;
}

/**
 * Puts a value in, in place; tells which blob has changed. A component in its initial state is ignored by the kernel
 * unless its XSTATE_BV bit is set, so a write that changes something sets it.
 */
export function setRegister(registers: ThreadRegisters, spec: RegisterSpec, value: Uint8Array): RegisterWrite {
  const before = getRegister(registers, spec);
  const bytes = value.subarray(0, spec.size);
  if (Buffer.from(before).equals(bytes)) return { general: false, xstate: false };
  const { place } = spec;
  if (place.blob === 'general') {
    registers.general.set(bytes, place.offset);
    return { general: true, xstate: false };
  }
  if (place.form === 'tag') registers.xstate[place.offset] = abridgedTag((bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8));
  else registers.xstate.set(place.form === 'word' ? bytes.subarray(0, 2) : bytes, place.offset);
  const view = new DataView(registers.xstate.buffer, registers.xstate.byteOffset, registers.xstate.byteLength);
  const present = view.getBigUint64(XSTATE_BV_OFFSET, true);
  view.setBigUint64(XSTATE_BV_OFFSET, present | (1n << BigInt(place.component)), true);
  return { general: false, xstate: true };
}

/** Bytes that lie together in a blob and in `g`. */
interface Run {
  blob: 'general' | 'xstate';
  from: number;
  to: number;
  length: number;
}

/** By register set: gdb reads all registers of every thread at most stops. */
const layouts = new WeakMap<readonly RegisterSpec[], { size: number; runs: readonly Run[]; tagAt: number | null }>();

function layoutOf(set: readonly RegisterSpec[]): { size: number; runs: readonly Run[]; tagAt: number | null } {
  const known = layouts.get(set);
  if (known) return known;
  const runs: Run[] = [];
  let size = 0;
  let tagAt: number | null = null;
  for (const { place, size: width } of set) {
    const form = place.blob === 'xstate' ? place.form : undefined;
    const last = runs.at(-1);
    if (form === 'tag') tagAt = size;
    else if (form === undefined && last && last.blob === place.blob && last.from + last.length === place.offset && last.to + last.length === size) last.length += width;
    else runs.push({ blob: place.blob, from: place.offset, to: size, length: form === 'word' ? 2 : width });
    size += width;
  }
  const layout = { size, runs, tagAt };
  layouts.set(set, layout);
  return layout;
}

/** All registers one after another, as `g` carries them. */
export function packRegisters(registers: ThreadRegisters, set: readonly RegisterSpec[]): Uint8Array {
  const { size, runs, tagAt } = layoutOf(set);
  const packed = Buffer.alloc(size);
  for (const { blob, from, to, length } of runs) packed.set(registers[blob].subarray(from, from + length), to);
  if (tagAt !== null) packed.writeUInt16LE(fullTag(registers), tagAt);
  return packed;
}

/** The way back, for `G`; missing bytes at the end leave their registers as they are. */
export function unpackRegisters(registers: ThreadRegisters, set: readonly RegisterSpec[], data: Uint8Array): RegisterWrite {
  const written = { general: false, xstate: false };
  let at = 0;
  for (const spec of set) {
    if (at + spec.size > data.length) break;
    const change = setRegister(registers, spec, data.subarray(at, at + spec.size));
    written.general ||= change.general;
    written.xstate ||= change.xstate;
    at += spec.size;
  }
  return written;
}
