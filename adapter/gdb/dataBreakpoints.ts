// Where a value lies in memory, so that a watchpoint can be set on it in any frame.
// Must not know DAP or which watchpoints there are.
import { UserError } from '../errors';
import type { Gdb } from './backend';
import type { WatchTarget } from './breakpointInsert';
import { inFrame, quote } from './mi';
import type { FrameContext } from './stack';

/** Four debug registers of 8 bytes. */
const mostBytes = 32;

/** Address and size of a value; undefined where it has no place in memory. */
export async function placeInMemory(gdb: Gdb, expression: string, frame: FrameContext | undefined): Promise<{ address: string; bytes: number } | undefined> {
  const evaluate = async (text: string): Promise<string> =>
    (await gdb.command<{ value: string }>(`-data-evaluate-expression${inFrame(frame)} ${quote(text)}`)).value;
  const text = await evaluate(`&(${expression})`).catch(() => '');
  const address = /0x[0-9a-f]+/.exec(text)?.[0];
  return address === undefined ? undefined : { address, bytes: Number.parseInt(await evaluate(`sizeof(${expression})`), 10) };
}

/** Throws UserError where there is no memory to watch, or too much of it. */
export async function dataTarget(gdb: Gdb, expression: string, frame: FrameContext | undefined): Promise<WatchTarget> {
  const place = await placeInMemory(gdb, expression, frame);
  if (!place) {
    throw new UserError(`"${expression}" is not in memory: it is in a register or a computed value.`, false);
  }
  const { address, bytes } = place;
  if (!(bytes > 0) || bytes > mostBytes) {
    throw new UserError(`"${expression}" has ${bytes} bytes; the processor can watch ${mostBytes} at most. Watch one of its parts.`, false);
  }
  const type = /^type = (.+)$/m.exec(await gdb.console(`whatis ${expression}`, frame).catch(() => ''))?.[1]?.trim();
  const language = /currently (\S+?)"?\.?$/m.exec(await gdb.console('show language', frame).catch(() => ''))?.[1]?.replace(/["”.]/g, '');
  return { address, bytes, ...(type && !/[[\](]/.test(type) ? { type } : {}), ...(language ? { language } : {}) };
}
