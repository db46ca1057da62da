// The setBreakpoints family: what the client sends as specifications, what gdb answers as DAP breakpoints.
// Must not know how gdb sets them.
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Spec, WatchTarget } from './gdb/breakpointInsert';
import { dataTarget } from './gdb/dataBreakpoints';
import { breakpointOf } from './sessionEvents';
import type { Handlers } from './sessionParts';
import type { Run } from './sessionRun';
import { UserError } from './errors';

export const exceptionFilters: { filter: string; label: string; description: string; default: boolean; spec: Spec }[] = [
  {
    filter: 'cpp_throw',
    label: 'C++: on throw',
    description: 'Stops where a C++ exception is thrown. One that nobody catches stops the program anyway, as SIGABRT.',
    default: false,
    spec: { kind: 'exception', where: { catch: 'throw' }, label: 'C++ exception thrown' },
  },
  {
    filter: 'cpp_catch',
    label: 'C++: on catch',
    description: 'Stops where a C++ exception is caught.',
    default: false,
    spec: { kind: 'exception', where: { catch: 'catch' }, label: 'C++ exception caught' },
  },
  {
    filter: 'rust_panic',
    label: 'Rust: on panic',
    description: 'Stops where a Rust program panics, before its stack is unwound.',
    default: true,
    spec: { kind: 'exception', where: { function: 'rust_panic' }, label: 'Rust panic' },
  },
];

export function breakpointRequests(current: () => Run): Handlers {
  return {
    setBreakpoints: async ({ source, breakpoints = [] }: DebugProtocol.SetBreakpointsArguments) => {
      const { path } = source;
      if (!path) {
        throw new UserError('Breakpoints need a source file that is on this machine.', false);
      }
      const specs = breakpoints.map(({ line, condition, hitCondition, logMessage }): Spec => ({
        kind: 'source',
        where: { path, line },
        ...given({ condition, hitCondition, logMessage }),
      }));
      return set(current(), `source ${path}`, specs);
    },
    setFunctionBreakpoints: async ({ breakpoints }: DebugProtocol.SetFunctionBreakpointsArguments) =>
      set(
        current(),
        'function',
        breakpoints.map(({ name, condition, hitCondition }): Spec => ({
          kind: 'function',
          where: { function: name },
          ...given({ condition, hitCondition }),
        })),
      ),
    setInstructionBreakpoints: async ({ breakpoints }: DebugProtocol.SetInstructionBreakpointsArguments) =>
      set(
        current(),
        'instruction',
        breakpoints.map(({ instructionReference, offset = 0, condition, hitCondition }): Spec => ({
          kind: 'instruction',
          where: { address: `0x${(BigInt(instructionReference) + BigInt(offset)).toString(16)}` },
          ...given({ condition, hitCondition }),
        })),
      ),
    setExceptionBreakpoints: async ({ filters }: DebugProtocol.SetExceptionBreakpointsArguments) =>
      set(
        current(),
        'exception',
        filters.flatMap((name) => exceptionFilters.find(({ filter }) => filter === name)?.spec ?? []),
      ),
    setDataBreakpoints: async ({ breakpoints }: DebugProtocol.SetDataBreakpointsArguments) =>
      set(
        current(),
        'data',
        breakpoints.map(({ dataId, accessType = 'write', condition, hitCondition }): Spec => ({
          kind: 'data',
          where: { watch: JSON.parse(dataId) as WatchTarget, access: accessType },
          ...given({ condition, hitCondition }),
        })),
      ),
    dataBreakpointInfo: async (args: DebugProtocol.DataBreakpointInfoArguments) => {
      const run = current();
      run.execution.requireStopped();
      const frame = args.frameId === undefined ? undefined : run.stack.frame(args.frameId);
      const child = args.variablesReference ? run.variables.expressionOf(args.variablesReference, args.name) : undefined;
      if (args.variablesReference && !child) {
        return { dataId: null, description: `"${args.name}" has no place in memory to watch.` };
      }
      try {
        const target = await dataTarget(run.gdb, child?.expression ?? args.name, child?.frame ?? frame);
        return {
          dataId: JSON.stringify(target),
          description: `${args.name} (${target.bytes} bytes at ${target.address})`,
          accessTypes: ['write', 'readWrite'],
          canPersist: false,
        };
      } catch (error) {
        if (error instanceof UserError) {
          return { dataId: null, description: error.message };
        }
        throw error;
      }
    },
  };
}

/** gdb is disturbed only where something changes: else the debuggee would be interrupted for nothing. */
async function set(run: Run, group: string, specs: Spec[]): Promise<{ breakpoints: DebugProtocol.Breakpoint[] }> {
  const work = () => run.breakpoints.set(group, specs);
  const states = await (run.breakpoints.differs(group, specs) ? run.execution.whileStopped(work) : work());
  return { breakpoints: states.map(breakpointOf) };
}

function given<T extends Record<string, string | undefined>>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value)) as Partial<T>;
}
