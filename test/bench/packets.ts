// What one packet of the remote protocol costs at our server, against the same at gdbserver.
import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { debuggee } from '../support/debuggees';

const run = promisify(execFile);
const rounds = 2000;
const repeats = 3;
const server = join(import.meta.dirname, '../../dist/rollpoint-server.js');

/** µs, medians: a byte of memory, the registers of a thread, the list of threads, one step. */
export interface PacketCosts {
  memory: number;
  registers: number;
  threads: number;
  step: number;
}

async function costs(client: string, command: string[]): Promise<PacketCosts> {
  const { stdout } = await run(client, [String(rounds), ...command, '--once', '-', debuggee('threads10').program, '50']);
  return JSON.parse(stdout) as PacketCosts;
}

const least = (runs: PacketCosts[]): PacketCosts => {
  const of = (name: keyof PacketCosts): number => Math.min(...runs.map((each) => each[name]));
  return { memory: of('memory'), registers: of('registers'), threads: of('threads'), step: of('step') };
};

/** Each the least of some runs, by turns, so that both see the same load of the machine. */
export async function packetCosts(output: string): Promise<{ ours: PacketCosts; gdbserver: PacketCosts }> {
  const client = join(output, 'packets');
  execFileSync('g++', ['-std=c++20', '-O2', '-o', client, join(import.meta.dirname, 'packets.cpp')]);
  const ours: PacketCosts[] = [];
  const gdbserver: PacketCosts[] = [];
  for (let turn = 0; turn < repeats; turn++) {
    gdbserver.push(await costs(client, ['gdbserver']));
    ours.push(await costs(client, [process.execPath, server]));
  }
  return { ours: least(ours), gdbserver: least(gdbserver) };
}
