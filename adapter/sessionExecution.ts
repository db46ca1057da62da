// Requests that make the debuggee run, stop, go back, or end.
// Must not know how gdb or the snapshots do it.
import type { DebugProtocol } from '@vscode/debugprotocol';
import { UserError } from './errors';
import { GdbError } from './gdb/backend';
import { resumeError, type Step } from './gdb/execution';
import type { Handlers } from './sessionParts';
import type { Run } from './sessionRun';

export function executionRequests(current: () => Run): Handlers {
  return {
    configurationDone: async () => {
      const run = current();
      if (run.plan.kind === 'launch' && run.plan.stopOnEntry) {
        await run.stops.entry();
      } else {
        await run.execution.resume('-exec-continue');
      }
    },
    continue: async () => {
      const run = current();
      await run.peek.goOn();
      await explained(run.execution.resume('-exec-continue'));
      return { allThreadsContinued: true };
    },
    next: (args: DebugProtocol.NextArguments) => step(current(), 'next', args),
    stepIn: (args: DebugProtocol.StepInArguments) => step(current(), 'step', args),
    stepOut: async ({ threadId }: DebugProtocol.StepOutArguments) => {
      const run = current();
      run.execution.requireStopped();
      await run.peek.goOn();
      try {
        // The frame that is to end, not the caller: gdb finishes the selected frame.
        await run.execution.resume(`-exec-finish --thread ${threadId} --frame 0`, await stepOf(run, 'finish', threadId));
      } catch (error) {
        if (error instanceof GdbError && /outermost frame/.test(error.message)) {
          throw new UserError('This is the outermost function: there is nothing to step out to.', false);
        }
        throw error;
      }
    },
    stepBack: () => goBack(current(), (run) => run.snapshots.stepBack()),
    reverseContinue: () => goBack(current(), (run) => run.snapshots.reverseContinue()),
    pause: () => current().execution.pause(),
    terminate: () => current().terminate(),
  };
}

async function step(run: Run, command: 'next' | 'step', args: DebugProtocol.NextArguments): Promise<void> {
  run.execution.requireStopped();
  await run.peek.goOn();
  const { threadId, granularity } = args;
  if (granularity === 'instruction') {
    await explained(run.execution.resume(`-exec-${command}-instruction --thread ${threadId}`));
  } else {
    await explained(run.execution.resume(`-exec-${command} --thread ${threadId}`, await stepOf(run, command, threadId)));
  }
}

async function stepOf(run: Run, command: Step['command'], threadId: number): Promise<Step> {
  const { frames } = await run.stack.list(threadId, 0, 1).catch(() => ({ frames: [] }));
  return { command, threadId, function: frames[0]?.function, line: frames[0]?.line };
}

async function explained(resumed: Promise<void>): Promise<void> {
  try {
    await resumed;
  } catch (error) {
    throw resumeError(error);
  }
}

async function goBack(run: Run, work: (run: Run) => Promise<unknown>): Promise<void> {
  run.execution.requireStopped();
  await work(run);
}
