// The target description that gdb reads: features, types and registers of this machine.
// Pure. A type must be defined before it is used: gdb drops the register otherwise and `g` no longer fits.
import type { FeatureName, RegisterSpec } from './registers';

const flag = (name: string, bit: number, end = bit): string =>
  `<field name="${name}" start="${bit}" end="${end}"${name && bit === end ? ' type="bool"' : ''}/>`;

const eflagBits: [string, number][] = [
  ['CF', 0], ['', 1], ['PF', 2], ['AF', 4], ['ZF', 6], ['SF', 7], ['TF', 8], ['IF', 9], ['DF', 10], ['OF', 11],
  ['NT', 14], ['RF', 16], ['VM', 17], ['AC', 18], ['VIF', 19], ['VIP', 20], ['ID', 21],
];
const mxcsrBits = ['IE', 'DE', 'ZE', 'OE', 'UE', 'PE', 'DAZ', 'IM', 'DM', 'ZM', 'OM', 'UM', 'PM'];

const vec128 = [
  '<vector id="v8bf16" type="bfloat16" count="8"/>',
  '<vector id="v8h" type="ieee_half" count="8"/>',
  '<vector id="v4f" type="ieee_single" count="4"/>',
  '<vector id="v2d" type="ieee_double" count="2"/>',
  '<vector id="v16i8" type="int8" count="16"/>',
  '<vector id="v8i16" type="int16" count="8"/>',
  '<vector id="v4i32" type="int32" count="4"/>',
  '<vector id="v2i64" type="int64" count="2"/>',
  '<union id="vec128">',
  '<field name="v8_bfloat16" type="v8bf16"/>',
  '<field name="v8_half" type="v8h"/>',
  '<field name="v4_float" type="v4f"/>',
  '<field name="v2_double" type="v2d"/>',
  '<field name="v16_int8" type="v16i8"/>',
  '<field name="v8_int16" type="v8i16"/>',
  '<field name="v4_int32" type="v4i32"/>',
  '<field name="v2_int64" type="v2i64"/>',
  '<field name="uint128" type="uint128"/>',
  '</union>',
].join('');

const types: Record<FeatureName, string> = {
  core:
    '<flags id="i386_eflags" size="4">' + eflagBits.map(([name, bit]) => flag(name, bit)).join('') + '</flags>',
  sse:
    vec128 +
    '<flags id="i386_mxcsr" size="4">' + mxcsrBits.map((name, bit) => flag(name, bit)).join('') + flag('FZ', 15) + '</flags>',
  linux: '',
  segments: '',
  avx: '',
  avx512: vec128 + '<vector id="v2ui128" type="uint128" count="2"/>',
  pkeys: '',
};

export function escapeXml(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f]/g, '?');
}

function register(spec: RegisterSpec, number: number): string {
  const group = spec.group ? ` group="${spec.group}"` : '';
  return `<reg name="${spec.name}" bitsize="${spec.size * 8}" type="${spec.type}" regnum="${number}"${group}/>`;
}

export function targetXml(set: readonly RegisterSpec[]): string {
  let body = '';
  let open: FeatureName | null = null;
  set.forEach((spec, number) => {
    if (spec.feature !== open) {
      if (open !== null) body += '</feature>';
      open = spec.feature;
      body += `<feature name="org.gnu.gdb.i386.${open}">${types[open]}`;
    }
    body += register(spec, number);
  });
  return (
    '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target>' +
    `<architecture>i386:x86-64</architecture><osabi>GNU/Linux</osabi>${body}</feature></target>`
  );
}
