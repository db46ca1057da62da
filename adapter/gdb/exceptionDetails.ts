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
  return id.startsWith('C++') ? describeCppException(gdb, threadId, evaluate) : undefined;
}

/** The standard exceptions that keep their message as a pointer behind the vtable pointer, as libstdc++ lays them out. */
const withMessage =
  /^std::(__cxx11::)?(runtime|logic|domain|range|overflow|underflow|length)_error$|^std::(invalid_argument|out_of_range)$/;

async function describeCppException(
  gdb: Gdb,
  threadId: number,
  evaluate: (expression: string) => Promise<string | undefined>,
): Promise<ExceptionDetails | undefined> {
  // $_exception needs debug information of the type; the probes of libstdc++ need none, nor is anything called.
  const symbol = await gdb.console('info symbol $_probe_arg1', { threadId }).catch(() => '');
  const typeName = /^typeinfo for (.+?)(?:@.*)?(?: in section .*)?$/m.exec(symbol)?.[1];
  if (!typeName) {
    return undefined;
  }
  const value = withMessage.test(typeName) ? await evaluate('*(char **)($_probe_arg0 + 8)') : await evaluate('$_exception');
  const text = value?.replace(/^0x[0-9a-f]+ /, '');
  return { message: text ? `${typeName}: ${text}` : typeName, typeName };
}
