// Registers of a frame, in groups: the general ones with their values, the others by name.
// Must not know variable objects or DAP.
import type { Gdb } from './backend';
import { inFrame } from './mi';
import type { FrameContext } from './stack';

const groupOf: [RegExp, string][] = [
  [/^(r[a-d]x|r[sd]i|r[bsi]p|r\d+|eflags|[c-gs]s|[fg]s_base|x\d+|sp|lr|pc|cpsr)$/, 'general'],
  [/^(st\d+|f(ctrl|stat|tag|iseg|ioff|oseg|ooff|op)|mxcsr|fpsr|fpcr)$/, 'Floating point'],
  [/^([xyz]mm\d+|v\d+)$/, 'Vector'],
  [/^(k\d|pkru)$/, 'Other'],
];

export class Registers {
  private all: Promise<string[]> | undefined;

  constructor(private readonly gdb: Gdb) {}

  async list(frame: FrameContext): Promise<{ general: { name: string; value: string }[]; groups: string[] }> {
    const names = await this.allNames();
    const numbers = names.flatMap((name, number) => (group(name) === 'general' ? [number] : []));
    const { 'register-values': values } = await this.gdb.command<{ 'register-values': { number: string; value: string }[] }>(
      `-data-list-register-values${inFrame(frame)} --skip-unavailable x ${numbers.join(' ')}`,
    );
    return {
      general: values.map(({ number, value }) => ({ name: names[Number(number)]!, value })),
      groups: groupOf.map(([, title]) => title).filter((title) => title !== 'general' && names.some((name) => group(name) === title)),
    };
  }

  async names(title: string): Promise<string[]> {
    return (await this.allNames()).filter((name) => group(name) === title);
  }

  private allNames(): Promise<string[]> {
    // Numbers of registers are their places in this list: the empty names between count.
    this.all ??= this.gdb
      .command<{ 'register-names': string[] }>('-data-list-register-names')
      .then((answer) => answer['register-names']);
    return this.all;
  }
}

function group(name: string): string | undefined {
  return groupOf.find(([pattern]) => pattern.test(name))?.[1];
}
