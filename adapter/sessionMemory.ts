// Requests about bytes and instructions.
// Must not know how gdb reads them.
import type { DebugProtocol } from '@vscode/debugprotocol';
import { UserError } from './errors';
import { disassemble, readMemory, unreadable, writeMemory } from './gdb/memory';
import type { Handlers } from './sessionParts';
import type { Run } from './sessionRun';

export function memoryRequests(current: () => Run): Handlers {
  return {
    readMemory: async ({ memoryReference, offset = 0, count }: DebugProtocol.ReadMemoryArguments) => {
      const run = current();
      run.execution.requireStopped();
      const address = addressOf(memoryReference, offset);
      run.shownMemory.read(memoryReference, offset, count);
      const data = await readMemory(run.gdb, address, count);
      const body = { address: hex(address), data: data.toString('base64') };
      return data.length < count
        ? { ...body, unreadableBytes: data.length === 0 ? await unreadable(run.gdb, address, count) : count - data.length }
        : body;
    },
    writeMemory: async ({ memoryReference, offset = 0, data, allowPartial }: DebugProtocol.WriteMemoryArguments) => {
      const run = current();
      run.execution.requireStopped();
      const address = addressOf(memoryReference, offset);
      const bytes = Buffer.from(data, 'base64');
      const writable = allowPartial ? (await readMemory(run.gdb, address, bytes.length)).length : bytes.length;
      if (writable === 0 && bytes.length > 0) {
        throw new UserError(`There is no memory at ${hex(address)}.`, false);
      }
      await run.peek.goOn(true);
      await writeMemory(run.gdb, address, bytes.subarray(0, writable));
      run.variables.moved();
      run.edited();
      return { bytesWritten: writable };
    },
    disassemble: async (args: DebugProtocol.DisassembleArguments) => {
      const run = current();
      run.execution.requireStopped();
      const { memoryReference, offset = 0, instructionOffset = 0, instructionCount, resolveSymbols } = args;
      const code = await disassemble(run.gdb, addressOf(memoryReference, offset), instructionOffset, instructionCount);
      return {
        instructions: code.map(({ address, bytes, text, symbol, path, line }): DebugProtocol.DisassembledInstruction => ({
          address: hex(address),
          instruction: text,
          ...(bytes ? { instructionBytes: bytes } : { presentationHint: 'invalid' }),
          ...(resolveSymbols && symbol ? { symbol } : {}),
          ...(path?.startsWith('/') ? { location: { path } } : {}),
          ...(line ? { line } : {}),
        })),
      };
    },
  };
}

export function addressOf(reference: string, offset = 0): bigint {
  try {
    return BigInt.asUintN(64, BigInt(reference.trim()) + BigInt(offset));
  } catch {
    throw new UserError(`"${reference}" is no address.`, false);
  }
}

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}
