// Requests that look at the stopped debuggee: threads, stack, scopes, variables, exception, missing sources.
// Must not know how gdb finds any of it.
import type { DebugProtocol } from '@vscode/debugprotocol';
import { UserError } from './errors';
import { disassemble } from './gdb/memory';
import type { Frame } from './gdb/stack';
import { describeException } from './gdb/exceptionDetails';
import type { MissingSources } from './sessionEvents';
import type { Handlers } from './sessionParts';
import type { Run } from './sessionRun';

export function inspectionRequests(current: () => Run, sources: MissingSources): Handlers {
  return {
    threads: async () => {
      const run = current();
      const threads = await run.stack.threads(run.execution.current !== 'stopped');
      return { threads: threads.map(({ id, name }) => ({ id, name })) };
    },
    stackTrace: async ({ threadId, startFrame = 0, levels = 0 }: DebugProtocol.StackTraceArguments) => {
      const run = current();
      run.execution.requireStopped();
      const { frames, total } = await run.stack.list(threadId, startFrame, levels);
      return { stackFrames: frames.map((frame) => stackFrame(frame, sources)), totalFrames: total };
    },
    scopes: ({ frameId }: DebugProtocol.ScopesArguments) => {
      const run = current();
      const frame = run.stack.frame(frameId);
      return {
        scopes: [
          { name: 'Locals', presentationHint: 'locals', variablesReference: run.variables.scope('locals', frame), expensive: false },
          { name: 'Registers', presentationHint: 'registers', variablesReference: run.variables.scope('registers', frame), expensive: true },
        ],
      };
    },
    variables: async ({ variablesReference, start, count }: DebugProtocol.VariablesArguments) => {
      const run = current();
      run.execution.requireStopped();
      return { variables: await run.variables.children(variablesReference, { start, count }) };
    },
    setVariable: async ({ variablesReference, name, value }: DebugProtocol.SetVariableArguments) => {
      const run = current();
      run.execution.requireStopped();
      await run.peek.goOn(true);
      const row = await run.variables.assign(variablesReference, name, value);
      run.edited();
      const { name: _, evaluateName: __, presentationHint: ___, ...rest } = row;
      return rest;
    },
    exceptionInfo: async ({ threadId }: DebugProtocol.ExceptionInfoArguments) => {
      const run = current();
      const { exception } = run.stops;
      if (!exception || threadId !== run.stops.threadId) {
        throw new UserError('This thread did not stop on an exception.', false);
      }
      const details = await describeException(run.gdb, exception.id, threadId);
      return {
        exceptionId: exception.id,
        description: details?.message ?? exception.description,
        breakMode: exception.breakMode,
        ...(details ? { details } : {}),
      };
    },
    source: async (args: DebugProtocol.SourceArguments) => {
      const run = current();
      const path = sources.path(args.source?.sourceReference ?? args.sourceReference);
      if (!path) {
        throw new UserError('There is no such source.', false);
      }
      const frame = run.stack.ofSource(path);
      const code = frame && !run.execution.running ? await disassemble(run.gdb, BigInt(frame.address), -20, 60) : [];
      const lines = code.map(({ address, text, symbol }) => `${`0x${address.toString(16)}` === frame?.address.replace(/^0x0*/, '0x') ? '=>' : '  '} 0x${address.toString(16)} <${symbol ?? '?'}>  ${text}`);
      const head = [
        `The source file is not on this machine: ${path}`,
        'If it lies elsewhere, tell gdb with "setupCommands": ["set substitute-path FROM TO"] in the launch configuration.',
      ];
      return { content: [...head, '', ...lines, ''].join('\n'), mimeType: 'text/plain' };
    },
  };
}

function stackFrame(frame: Frame, sources: MissingSources): DebugProtocol.StackFrame {
  const { id, function: name, address, path, line, module } = frame;
  return {
    id,
    name: path ? name : `${name}${module ? `  [${module}]` : ''}`,
    line: line ?? 0,
    column: 0,
    instructionPointerReference: address,
    ...(path ? { source: sources.sourceOf(path) } : { presentationHint: 'subtle' as const }),
  };
}
