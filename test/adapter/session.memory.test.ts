// Bytes and instructions of a real program, read and written.
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { Sessions } from '../support/sessions';

type Instructions = DebugProtocol.DisassembledInstruction[];

describe('memory', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  async function atHit() {
    const session = await sessions.launch('playground', ['hits']);
    const stop = await session.runTo('@hit');
    const { client } = session;
    const read = (args: object) => client.request<NonNullable<DebugProtocol.ReadMemoryResponse['body']>>('readMemory', args);
    const address = (await client.evaluate('&bytes', stop.threadId)).match(/0x[0-9a-f]+/)![0];
    return { ...session, stop, read, address };
  }

  it('reads and writes bytes', async () => {
    const { client, stop, read, address } = await atHit();
    const first = await read({ memoryReference: address, count: 16 });
    expect([...Buffer.from(first.data!, 'base64')]).to.deep.equal(Array.from({ length: 16 }, (_, index) => index));
    expect(BigInt(first.address)).to.equal(BigInt(address));
    const data = Buffer.from([200, 201]).toString('base64');
    const written = await client.request<{ bytesWritten: number }>('writeMemory', { memoryReference: address, offset: 4, data });
    expect(written.bytesWritten).to.equal(2);
    expect(await client.evaluate('bytes[5]', stop.threadId)).to.contain('201');
    const again = await read({ memoryReference: address, offset: 3, count: 4 });
    expect([...Buffer.from(again.data!, 'base64')]).to.deep.equal([3, 200, 201, 6]);
  });

  it('says how much cannot be read', async () => {
    const { client, read } = await atHit();
    const nothing = await read({ memoryReference: '0x10', count: 100 });
    expect(nothing.data ?? '').to.equal('');
    expect(nothing.unreadableBytes).to.equal(100);
    const { systemProcessId } = client.events.find(({ event }) => event === 'process')!.body as { systemProcessId: number };
    const stack = readFileSync(`/proc/${systemProcessId}/maps`, 'utf8').split('\n').find((line) => line.endsWith('[stack]'))!;
    const end = `0x${stack.split(' ')[0]!.split('-')[1]!}`;
    const part = await read({ memoryReference: end, offset: -16, count: 64 });
    expect(Buffer.from(part.data!, 'base64')).to.have.length(16);
    expect(part.unreadableBytes).to.equal(48);
    const failed = await client.raw('writeMemory', { memoryReference: '0x10', data: 'AAAA' });
    expect(failed.success).to.equal(false);
  });

  it('disassembles forwards and backwards, always as many as asked for', async () => {
    const { client, stop } = await atHit();
    const { stackFrames } = await client.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId: stop.threadId });
    const memoryReference = stackFrames[0]!.instructionPointerReference!;
    const disassemble = async (instructionOffset: number, instructionCount: number): Promise<Instructions> =>
      (await client.request<{ instructions: Instructions }>('disassemble', { memoryReference, instructionOffset, instructionCount, resolveSymbols: true })).instructions;
    const after = await disassemble(0, 50);
    expect(after).to.have.length(50);
    expect(BigInt(after[0]!.address)).to.equal(BigInt(memoryReference));
    expect(after[0]!.symbol).to.contain('hits');
    expect(after[0]!.line).to.be.a('number');
    const around = await disassemble(-20, 40);
    expect(around).to.have.length(40);
    expect(BigInt(around[20]!.address)).to.equal(BigInt(memoryReference));
    expect(around.slice(20)).to.deep.equal(after.slice(0, 20));
    const sizes = around.slice(0, 20).map((instruction, index) => BigInt(around[index + 1]!.address) - BigInt(instruction.address));
    expect(around.slice(0, 20).map(({ instructionBytes }) => BigInt(instructionBytes!.split(' ').length))).to.deep.equal(sizes);
    const nowhere = (await client.request<{ instructions: Instructions }>('disassemble', { memoryReference: '0x10', instructionCount: 5 })).instructions;
    expect(nowhere).to.have.length(5);
    expect(nowhere[0]).to.include({ instruction: '??', presentationHint: 'invalid' });
  });
});
