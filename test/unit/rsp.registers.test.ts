// The register set and the target description: what lies where, and that gdb can add it all up.
import { expect } from 'chai';
import { processListXml } from '../../adapter/rsp/processList';
import { getRegister, packRegisters, registerSet, setRegister, unpackRegisters, type RegisterSpec } from '../../adapter/rsp/registers';
import type { RegisterFeatures, ThreadRegisters } from '../../adapter/rsp/target';
import { escapeXml, targetXml } from '../../adapter/rsp/targetXml';

const sseOnly: RegisterFeatures = { xcr0: 0b11n, xstate: [] };
/** Offsets as most processors with AVX-512 and protection keys have them. */
const everything: RegisterFeatures = {
  xcr0: 0b10_1110_0111n,
  xstate: [
    { component: 2, offset: 576, size: 256 },
    { component: 5, offset: 1088, size: 64 },
    { component: 6, offset: 1152, size: 512 },
    { component: 7, offset: 1664, size: 1024 },
    { component: 9, offset: 2688, size: 8 },
  ],
};

function blank(): ThreadRegisters {
  return { general: new Uint8Array(27 * 8), xstate: new Uint8Array(2696) };
}

function named(set: readonly RegisterSpec[], name: string): RegisterSpec {
  const spec = set.find((candidate) => candidate.name === name);
  if (!spec) throw new Error(`no register ${name}`);
  return spec;
}

function xstateBv(registers: ThreadRegisters): bigint {
  return Buffer.from(registers.xstate).readBigUInt64LE(512);
}

describe('registers', () => {
  it('follow what the processor has', () => {
    const names = (features: RegisterFeatures): string[] => registerSet(features).map((spec) => spec.name);
    expect(names(sseOnly)).to.include.members(['rax', 'st7', 'fop', 'xmm15', 'mxcsr', 'orig_rax', 'gs_base']);
    expect(names(sseOnly)).not.to.include('ymm0h');
    expect(names(everything)).to.include.members(['ymm15h', 'xmm31', 'ymm31h', 'k7', 'zmm0h', 'zmm31h', 'pkru']);
    expect(new Set(names(everything)).size).to.equal(names(everything).length);
  });

  it('lie in user_regs_struct where the kernel puts them', () => {
    const registers = blank();
    const set = registerSet(sseOnly);
    Buffer.from(registers.general.buffer).writeBigUInt64LE(0x1122334455667788n, 16 * 8);
    expect(Buffer.from(getRegister(registers, named(set, 'rip'))).toString('hex')).to.equal('8877665544332211');
    setRegister(registers, named(set, 'orig_rax'), Buffer.alloc(8, 0xff));
    expect(registers.general.slice(15 * 8, 16 * 8)).to.deep.equal(new Uint8Array(8).fill(0xff));
    setRegister(registers, named(set, 'eflags'), Buffer.from([0x46, 2, 0, 0]));
    expect(registers.general.slice(18 * 8, 19 * 8)).to.deep.equal(Uint8Array.from([0x46, 2, 0, 0, 0, 0, 0, 0]));
  });

  it('set the XSTATE_BV bit of a component that is written, and only when its value changes', () => {
    const cases: [string, number, number][] = [
      ['st0', 0, 32], ['mxcsr', 1, 24], ['xmm3', 1, 208], ['ymm2h', 2, 608], ['k1', 5, 1096], ['zmm1h', 6, 1184],
      ['xmm17', 7, 1728], ['ymm17h', 7, 1744], ['zmm17h', 7, 1760], ['pkru', 9, 2688],
    ];
    const set = registerSet(everything);
    for (const [name, component, offset] of cases) {
      const registers = blank();
      const spec = named(set, name);
      expect(setRegister(registers, spec, Buffer.alloc(spec.size))).to.deep.equal({ general: false, xstate: false });
      expect(xstateBv(registers)).to.equal(0n);
      expect(setRegister(registers, spec, Buffer.alloc(spec.size, 0x5a)), name).to.deep.equal({ general: false, xstate: true });
      expect(xstateBv(registers), name).to.equal(1n << BigInt(component));
      expect(registers.xstate[offset], name).to.equal(0x5a);
      expect(registers.xstate[offset - 1], name).not.to.equal(0x5a);
    }
  });

  it('expand the x87 tag word from the values, and shrink it again', () => {
    const registers = blank();
    const set = registerSet(sseOnly);
    const ftag = named(set, 'ftag');
    const value = (): number => Buffer.from(getRegister(registers, ftag)).readUInt32LE();
    expect(value()).to.equal(0xffff);
    // fld1 on an empty stack: top is 7, physical register 7 is st0 and holds 1.0; then fldz: top 6, st0 zero.
    registers.xstate[4] = 0b1000_0000;
    registers.xstate[3] = 7 << 3;
    registers.xstate.set([0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f], 32);
    expect(value()).to.equal(0x3fff);
    registers.xstate[4] = 0b1100_0000;
    registers.xstate[3] = 6 << 3;
    registers.xstate.copyWithin(48, 32, 42);
    registers.xstate.fill(0, 32, 42);
    expect(value()).to.equal(0x1fff);
    setRegister(registers, ftag, Buffer.from([0xff, 0x3f, 0, 0]));
    expect(registers.xstate[4]).to.equal(0b1000_0000);
  });

  it('come back the same through g and G', () => {
    const set = registerSet(everything);
    const from = blank();
    from.general.forEach((_, n) => (from.general[n] = (n * 7) & 0xff));
    for (let n = 32; n < 416; n++) from.xstate[n] = (n * 5) & 0xff;
    for (let n = 576; n < 2692; n++) from.xstate[n] = (n * 3) & 0xff;
    from.xstate[4] = 0xff;
    const to = blank();
    expect(unpackRegisters(to, set, packRegisters(from, set))).to.deep.equal({ general: true, xstate: true });
    expect(packRegisters(to, set)).to.deep.equal(packRegisters(from, set));
    expect(packRegisters(from, set), 'one by one').to.deep.equal(Buffer.concat(set.map((spec) => getRegister(from, spec))));
    expect(xstateBv(to)).to.equal(0b10_1110_0111n);
    expect(unpackRegisters(to, set, packRegisters(from, set))).to.deep.equal({ general: false, xstate: false });
  });
});

describe('the target description', () => {
  const predefined = 'int int8 int16 int32 int64 uint64 uint128 code_ptr data_ptr i387_ext bfloat16 ieee_half ieee_single ieee_double bool'.split(' ');

  it('defines every type before it is used, within its feature', () => {
    for (const features of [sseOnly, everything]) {
      for (const feature of targetXml(registerSet(features)).split('<feature ').slice(1)) {
        const known = new Set(predefined);
        for (const tag of feature.matchAll(/<(vector|union|flags|field|reg)\s([^>]*)>/g)) {
          const type = /\btype="([^"]+)"/.exec(tag[2] ?? '')?.[1];
          if (type) expect(known.has(type), `${type} in ${tag[0]}`).to.equal(true);
          const id = /\bid="([^"]+)"/.exec(tag[2] ?? '')?.[1];
          if (id) known.add(id);
        }
      }
    }
  });

  it('numbers the registers in the order of g', () => {
    const set = registerSet(everything);
    const found = [...targetXml(set).matchAll(/<reg name="(\w+)" bitsize="(\d+)"[^>]*regnum="(\d+)"/g)];
    expect(found.map((match) => [match[1], Number(match[2]), Number(match[3])])).to.deep.equal(
      set.map((spec, number) => [spec.name, spec.size * 8, number]),
    );
  });

  it('escapes names of threads', () => {
    expect(escapeXml('a<b>&"c\x01')).to.equal('a&lt;b&gt;&amp;&quot;c?');
  });
});

describe('the process list', () => {
  it('names every process with its user and command', async () => {
    const xml = await processListXml('processes');
    expect(xml).to.include(`<item><column name="pid">${process.pid}</column><column name="user">`);
    expect(await processListXml('')).to.include('<column name="Type">processes</column>');
  });
});
