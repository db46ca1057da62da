// Requests about expressions: hover, watch, debug console, assignment, completion.
// Must not know how gdb evaluates.
import type { DebugProtocol } from '@vscode/debugprotocol';
import { GdbError } from './gdb/backend';
import { inFrame, quote } from './gdb/mi';
import type { Frame } from './gdb/stack';
import type { Handlers } from './sessionParts';
import type { Run } from './sessionRun';
import { UserError } from './errors';

export function evaluateRequests(current: () => Run): Handlers {
  return {
    evaluate: async ({ expression, frameId, context }: DebugProtocol.EvaluateArguments) => {
      const run = current();
      const command = context === 'repl' ? gdbCommand(expression) : undefined;
      if (command !== undefined) {
        return { result: await run.peek.typed(() => runCommand(run, command, frameOf(run, frameId))), variablesReference: 0 };
      }
      if (context === 'repl' && run.execution.running) {
        // A program that runs reads what is typed, as in a terminal.
        run.write(`${expression}\n`);
        return { result: '', variablesReference: 0 };
      }
      run.execution.requireStopped();
      const text = expression.trim();
      if (!text) {
        return { result: '', variablesReference: 0 };
      }
      const evaluate = async () => {
        const { name: _, evaluateName: __, value, ...row } = await run.variables.evaluate(text, frameOf(run, frameId));
        if (value === '' && run.snapshots.peeking !== null) {
          // gdb makes an object of what it may not do, without a value and without a word.
          await run.gdb.command(`-data-evaluate-expression${inFrame(frameOf(run, frameId))} ${quote(text)}`);
        }
        return { result: value, ...row };
      };
      const typed = () => {
        // What is typed is done each time, also when it reads like the last.
        run.variables.moved();
        return evaluate();
      };
      try {
        return await (context === 'repl' ? run.peek.typed(typed) : evaluate());
      } catch (error) {
        throw error instanceof GdbError ? new UserError(run.peek.explain(error.message.replace(/^-var-create: /, '')), false) : error;
      }
    },
    setExpression: async ({ expression, value, frameId }: DebugProtocol.SetExpressionArguments) => {
      const run = current();
      run.execution.requireStopped();
      await run.peek.goOn(true);
      const row = await run.variables.assignExpression(expression, value, frameOf(run, frameId));
      run.edited();
      const { name: _, evaluateName: __, ...rest } = row;
      return rest;
    },
    completions: async ({ text, column, frameId }: DebugProtocol.CompletionsArguments) => {
      const run = current();
      if (run.execution.running) {
        return { targets: [] };
      }
      return { targets: await complete(run, text.slice(0, Math.max(0, column - 1)), frameOf(run, frameId)) };
    },
  };
}

/** `-exec cmd` as in cpptools, or a leading backtick or `>`. */
function gdbCommand(text: string): string | undefined {
  return /^\s*(?:-exec\s+|[`>]\s*)(.*)$/s.exec(text)?.[1];
}

function frameOf(run: Run, frameId: number | undefined): Frame | undefined {
  return frameId === undefined ? undefined : run.stack.frame(frameId);
}

async function runCommand(run: Run, command: string, frame: Frame | undefined): Promise<string> {
  const context = frame && !run.execution.running ? { threadId: frame.threadId, level: frame.level } : undefined;
  try {
    const output = await (command.startsWith('-')
      ? run.gdb.command(command).then((result) => JSON.stringify(result, (key, value: unknown) => (key.startsWith('cdt-') ? undefined : value)))
      : run.gdb.console(command, context));
    return output.trimEnd();
  } finally {
    // A command may have changed anything.
    run.variables.moved();
  }
}

async function complete(run: Run, typed: string, frame: Frame | undefined): Promise<DebugProtocol.CompletionItem[]> {
  const command = gdbCommand(typed);
  const prefix = command === undefined ? 'print ' : '';
  const line = `${prefix}${(command ?? typed).trimStart()}`;
  const context = frame ? ` --thread ${frame.threadId} --frame ${frame.level}` : '';
  const { matches = [] } = await run.gdb
    .command<{ matches?: string[] }>(`-complete${context} ${quote(line)}`)
    .catch(() => ({ matches: [] }));
  // gdb gives whole lines; the client replaces the last word.
  const word = /[\w$]*$/.exec(line)![0];
  const kept = line.length - word.length;
  return matches.map((match) => {
    const label = match.slice(kept);
    return { label, text: label, start: typed.length - word.length, length: word.length };
  });
}
