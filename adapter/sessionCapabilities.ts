// What this adapter tells a client that it can do.
// A value; must not know how any of it is done.
import type { DebugProtocol } from '@vscode/debugprotocol';
import { exceptionFilters } from './sessionBreakpoints';

export const capabilities: DebugProtocol.Capabilities = {
  supportsConfigurationDoneRequest: true,
  supportsFunctionBreakpoints: true,
  supportsConditionalBreakpoints: true,
  supportsHitConditionalBreakpoints: true,
  supportsLogPoints: true,
  supportsDataBreakpoints: true,
  supportsInstructionBreakpoints: true,
  supportsEvaluateForHovers: true,
  supportsClipboardContext: true,
  supportsSetVariable: true,
  supportsSetExpression: true,
  supportsStepBack: true,
  supportsSteppingGranularity: true,
  supportsReadMemoryRequest: true,
  supportsWriteMemoryRequest: true,
  supportsDisassembleRequest: true,
  supportsCompletionsRequest: true,
  completionTriggerCharacters: ['.', '>', ':'],
  supportsExceptionInfoRequest: true,
  supportsCancelRequest: true,
  supportsTerminateRequest: true,
  supportTerminateDebuggee: true,
  supportsDelayedStackTraceLoading: true,
  exceptionBreakpointFilters: exceptionFilters.map(({ spec: _, ...filter }) => ({
    ...filter,
    supportsCondition: false,
  })),
};
