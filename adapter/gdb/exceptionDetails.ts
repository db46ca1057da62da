// What can be said of the signal or exception that a thread stopped on.
// Must not know DAP or why the thread stopped.
import type { Gdb } from './backend';

export interface ExceptionDetails {
  message: string;
  typeName?: string;
}

/** Undefined where gdb knows no more than the name. */
export async function describeException(gdb: Gdb, id: string, threadId: number): Promise<ExceptionDetails | undefined> {
  const evaluate = (expression: string): Promise<string | undefined> =>
    gdb
      .command<{ value: string }>(`-data-evaluate-expression --thread ${threadId} "${expression}"`)
      .then(({ value }) => value, () => undefined);
  if (/^SIG(SEGV|BUS|ILL|FPE)$/.test(id)) {
    const address = await evaluate('$_siginfo._sifields._sigfault.si_addr');
    return address ? { message: `${id} at address ${address}`, typeName: id } : undefined;
  }
  if (id.startsWith('C++')) {
    const [value, type] = [await evaluate('$_exception'), await gdb.console('whatis $_exception', { threadId }).catch(() => '')];
    const typeName = /^type = (.+)$/m.exec(type)?.[1]?.replace(/\s*&$/, '').trim();
    return value && typeName && typeName !== 'void' ? { message: `${typeName}: ${value}`, typeName } : undefined;
  }
  return undefined;
}
