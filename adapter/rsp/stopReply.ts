// Stop replies: `T05swbreak:;thread:p1.1;…`, `W00`, `X0b`, `N`.
// What stopped comes from the target; nothing here resumes or waits.
import type { Client } from './client';
import { bytesToHex, textToHex } from './encoding';
import { getRegister } from './registers';
import { signalName, toProtocolSignal } from './signals';
import type { StopCause, TargetStop } from './target';

const SIGINT = 2;
const SIGTRAP = 5;
/** What gdb reads after every stop: frame pointer, stack pointer, pc. */
const expedited = ['rbp', 'rsp', 'rip'];

function byte(value: number): string {
  return (value & 0xff).toString(16).padStart(2, '0');
}

/** The protocol's signal number of a stop. */
export function stopSignal(cause: StopCause): number {
  switch (cause.kind) {
    case 'signal':
    case 'viewed':
      return toProtocolSignal(cause.signal);
    case 'interrupt':
      return SIGINT;
    // gdb takes signal 0 as "stopped, for no reason of the program's", also in the middle of a step; it then reads everything
    // anew.
    case 'attached':
    case 'restored':
    case 'exit':
    case 'ending':
    case 'focused':
      return 0;
    default:
      return SIGTRAP;
  }
}

function reason(client: Client, cause: StopCause): string {
  switch (cause.kind) {
    case 'breakpoint':
      return client.swbreak ? 'swbreak:;' : '';
    case 'hardwareBreakpoint':
      return client.hwbreak ? 'hwbreak:;' : '';
    case 'watchpoint': {
      const name = { write: 'watch', read: 'rwatch', access: 'awatch' }[cause.access];
      return `${name}:${cause.address.toString(16)};`;
    }
    case 'followed':
      // gdb reads the list of libraries and goes on.
      return cause.executable === null ? 'library:;' : reason(client, { kind: 'exec', executable: cause.executable });
    case 'exec':
      return client.execEvents ? `exec:${textToHex(cause.executable)};` : '';
    default:
      return '';
  }
}

async function expeditedRegisters(client: Client, tid: number): Promise<string> {
  const registers = await client.target.readRegisters(tid);
  return client.registers
    .map((spec, number) => (expedited.includes(spec.name) ? `${number.toString(16)}:${bytesToHex(getRegister(registers, spec))};` : ''))
    .join('');
}

export async function stopReply(client: Client, stop: TargetStop): Promise<string> {
  const process = client.multiprocess ? `;process:${stop.pid.toString(16)}` : '';
  if (stop.state === 'exited') return `W${byte(stop.code)}${process}`;
  if (stop.state === 'killed') return `X${byte(toProtocolSignal(stop.signal))}${process}`;
  if (stop.cause.kind === 'noResumed' && client.noResumed) return 'N';
  client.generalThread = stop.tid;
  const { disabledPackets } = client.settings;
  if (disabledPackets.has('T')) return `S${byte(stopSignal(stop.cause))}`;
  let registers = '';
  try {
    registers = await expeditedRegisters(client, stop.tid);
  } catch (error) {
    // Killed from outside as it stands still.
    client.log.trace(`registers of ${stop.tid}: ${String(error)}`);
    await client.target.fate();
    const { lastStop } = client.target;
    if (lastStop && lastStop.state !== 'stopped') return stopReply(client, lastStop);
  }
  const thread = disabledPackets.has('Tthread') ? '' : `thread:${client.threadName(stop.tid)};`;
  return `T${byte(stopSignal(stop.cause))}${reason(client, stop.cause)}${thread}${registers}`;
}

/** What a person at gdb needs to know of a stop that gdb has no words for. */
export function holdNotice(stop: TargetStop): string | null {
  if (stop.state !== 'stopped' || (stop.cause.kind !== 'exit' && stop.cause.kind !== 'ending')) return null;
  const end = stop.cause.kind === 'exit' ? `exit with code ${stop.cause.code}` : `be ended by ${signalName(stop.cause.signal)}`;
  return `The program is about to ${end}. "continue" lets it end; "monitor restore N" goes back to a snapshot.\n`;
}

/** `Child exited with status 3`, as gdbserver says it. */
export function endNotice(stop: TargetStop): string | null {
  if (stop.state === 'exited') return `\nChild exited with status ${stop.code}`;
  if (stop.state === 'killed') return `\nChild terminated with signal = 0x${toProtocolSignal(stop.signal).toString(16)}`;
  return null;
}
