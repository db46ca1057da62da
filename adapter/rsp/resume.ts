// vCont and the older resume packets; waits for the stop and answers it.
// Signals that gdb wants passed never reach it; a restore comes back as a stop like any other.
import type { Client, Handler, HandlerTable } from './client';
import { PacketError, parseHex, parseHexBig, splitOnce } from './encoding';
import { setRegister } from './registers';
import { toLinuxSignal } from './signals';
import { endNotice, holdNotice, stopReply } from './stopReply';
import type { TargetResume, TargetStop } from './target';
import { ALL, ANY } from './threadId';

/** `;s:p1.2;c`: what stands after `vCont`. Threads come as `parseThread` gives them. */
export function parseVCont(text: string, parseThread: (text: string) => number): TargetResume[] {
  const actions: TargetResume[] = [];
  for (const part of text.split(';').filter((piece) => piece !== '')) {
    const [action, thread] = splitOnce(part, ':');
    const tid = thread === '' ? ALL : parseThread(thread);
    const argument = action.slice(1);
    switch (action[0]) {
      case 'c':
        actions.push({ tid, kind: 'continue', signal: 0 });
        break;
      case 's':
        actions.push({ tid, kind: 'step', signal: 0 });
        break;
      case 'C':
        actions.push({ tid, kind: 'continue', signal: toLinuxSignal(parseHex(argument)) });
        break;
      case 'S':
        actions.push({ tid, kind: 'step', signal: toLinuxSignal(parseHex(argument)) });
        break;
      case 'r': {
        const [start, end] = splitOnce(argument, ',');
        actions.push({ tid, kind: 'range', signal: 0, start: parseHexBig(start), end: parseHexBig(end) });
        break;
      }
      default:
        throw new PacketError(`vCont action ${action}`);
    }
  }
  if (actions.length === 0) throw new PacketError('vCont without an action');
  return actions;
}

function actionOf(actions: readonly TargetResume[], tid: number): TargetResume | undefined {
  return actions.find((action) => action.tid === tid || action.tid === ALL);
}

/** The signal to go on with after a stop that gdb does not want to hear of; null when it does. */
function passes(client: Client, stop: TargetStop, actions: readonly TargetResume[]): number | null {
  if (stop.state !== 'stopped') return null;
  if ((stop.cause.kind === 'exec' || (stop.cause.kind === 'followed' && stop.cause.executable !== null)) && !client.execEvents) return 0;
  if (stop.cause.kind !== 'signal' || !client.passSignals.has(stop.cause.signal)) return null;
  // A step that a signal interrupts would end in the handler: gdb steps over that by itself, so it must know.
  return actionOf(actions, stop.tid)?.kind === 'continue' ? stop.cause.signal : null;
}

/** The same resume again after a stop that gdb does not want: the thread gets its signal, nobody gets one twice. */
export function resumeAgain(actions: readonly TargetResume[], tid: number, signal: number): TargetResume[] {
  const plain = actions.map((action) => ({ ...action, signal: 0 }));
  const own = actionOf(plain, tid);
  return own ? [{ ...own, tid, signal }, ...plain] : plain;
}

/** With the signal that was held back at the last stop, unless the process goes back to a snapshot. */
function withOwedSignal(client: Client, actions: TargetResume[]): TargetResume[] {
  const owed = client.owedSignal;
  const own = owed && actionOf(actions, owed.tid);
  if (!owed || !own || client.target.armed) return actions;
  if (client.target.viewing !== null) {
    // It is of a present that is left now.
    client.owedSignal = null;
    return actions;
  }
  client.owedSignal = null;
  return own.signal === 0 ? [{ ...own, tid: owed.tid, signal: owed.signal }, ...actions] : actions;
}

async function runToStop(client: Client, first: TargetResume[]): Promise<TargetStop | null> {
  let actions = withOwedSignal(client, first);
  for (;;) {
    const stopped = client.nextStop();
    await client.target.resume(actions);
    // An interrupt that came between a passed signal's stop and this resume found nothing running.
    if (client.interruptRequested) client.interrupt();
    const stop = await stopped;
    if (!stop) return null;
    const signal = passes(client, stop, actions);
    if (stop.state === 'stopped' && stop.cause.kind === 'restored') client.owedSignal = null;
    if (stop.state === 'stopped' && stop.cause.kind === 'viewed' && client.passSignals.has(stop.cause.signal)) {
      // gdb would hand it on at once, and run.
      client.owedSignal = { tid: stop.tid, signal: stop.cause.signal };
      return { ...stop, cause: { ...stop.cause, signal: 0 } };
    }
    if (signal === null || stop.state !== 'stopped') return stop;
    if (stop.cause.kind === 'signal' && stop.cause.fatal && client.target.holdsEnd) {
      client.owedSignal = { tid: stop.tid, signal };
      return { ...stop, cause: { kind: 'ending', signal } };
    }
    actions = resumeAgain(actions, stop.tid, signal);
  }
}

/**
 * An interrupt that lost the race against another stop is still owed; a signal of the operating system would be pending
 * now. Without this a program that is stepped all the time (software watchpoints) could not be interrupted.
 */
function takeInterrupt(client: Client, actions: readonly TargetResume[]): TargetStop | null {
  const { process, armed } = client.target;
  if (!client.interruptRequested) return null;
  if (armed || actions.some((action) => action.signal !== 0)) return null;
  client.interruptRequested = false;
  const first = actions.find((action) => action.tid !== ALL)?.tid ?? client.stoppedThread();
  return process && { state: 'stopped', pid: process.pid, tid: first, cause: { kind: 'interrupt' } };
}

/** Runs, waits and gives the stop reply; null when the client left meanwhile. */
export async function resumeAndReply(client: Client, actions: TargetResume[]): Promise<string | null> {
  const { lastStop } = client.target;
  // Killed from outside while it stood still: the client learns of it as the outcome of its next resume.
  if (!client.target.process && lastStop && lastStop.state !== 'stopped') return stopReply(client, lastStop);
  if (!client.target.process) throw new PacketError('no process');
  client.transfers.clear();
  const interrupted = takeInterrupt(client, actions);
  if (interrupted) return stopReply(client, interrupted);
  client.running = true;
  try {
    let stop = await runToStop(client, actions);
    if (!stop) return null;
    let reply = await stopReply(client, stop);
    if (client.target.replaced) {
      // Killed between its stop and our reading of its registers: those are of the snapshot that stands there now.
      stop = await runToStop(client, actions);
      if (!stop) return null;
      reply = await stopReply(client, stop);
    }
    const notice = endNotice(stop);
    if (notice) client.log.notice(notice);
    // In a debug session the session itself tells.
    const hold = client.target.snapshots ? holdNotice(stop) : null;
    if (hold) client.output(hold);
    if (stop.state !== 'stopped' || stop.cause.kind === 'interrupt' || stop.cause.kind === 'restored') client.interruptRequested = false;
    return reply;
  } catch (error) {
    return await resumeFailed(client, error);
  } finally {
    client.running = false;
  }
}

/** A resume that failed left the process where it was: say why on gdb's console and report a stop. */
async function resumeFailed(client: Client, error: unknown): Promise<string> {
  const message = error instanceof Error ? error.message : String(error);
  client.log.trace(`resume: ${message}`);
  client.output(`${message}\n`);
  const { lastStop, process } = client.target;
  if (lastStop && lastStop.state !== 'stopped') return stopReply(client, lastStop);
  if (!process) throw new PacketError(message);
  const tid = lastStop?.tid ?? process.pid;
  return stopReply(client, { state: 'stopped', pid: process.pid, tid, cause: { kind: 'attached' } });
}

async function setPc(client: Client, tid: number, address: bigint): Promise<void> {
  const registers = await client.target.readRegisters(tid);
  const value = Buffer.alloc(8);
  value.writeBigUInt64LE(address);
  const spec = client.registers.find((register) => register.name === 'rip');
  if (spec && setRegister(registers, spec, value).general) {
    await client.target.writeRegisters(tid, { general: registers.general });
  }
}

/** `c`, `s`, `C05`, `S05`, each with an optional address to go on at. */
function legacy(kind: 'continue' | 'step', withSignal: boolean): Handler {
  return async (client, args) => {
    const [head, tail] = withSignal ? splitOnce(args, ';') : ['0', args];
    const signal = toLinuxSignal(parseHex(head));
    const chosen = client.continueThread;
    const current = chosen === ALL || chosen === ANY ? client.currentThread() : chosen;
    if (tail !== '') await setPc(client, current, parseHexBig(tail));
    const actions: TargetResume[] = [{ tid: current, kind, signal }];
    if (chosen === ALL || chosen === ANY) actions.push({ tid: ALL, kind: 'continue', signal: 0 });
    return resumeAndReply(client, actions);
  };
}

/** To the snapshot before: the one that the process has run on from, or the parent of the one it stands on. */
const reverseContinue: Handler = async (client) => {
  const { snapshots } = client.target;
  if (!snapshots) return '';
  const { snapshots: all, current, moved } = snapshots.list();
  const { viewing } = client.target;
  const standing = all.find((snapshot) => snapshot.id === (viewing ?? current));
  const goal = moved && viewing === null ? current : (standing?.parent ?? null);
  if (goal === null) {
    const thread = client.threadName(client.stoppedThread());
    return `T05replaylog:begin;thread:${thread};`;
  }
  await snapshots.restoreAtResume(goal, client.stoppedThread());
  return resumeAndReply(client, [{ tid: ALL, kind: 'continue', signal: 0 }]);
};

export const resumeHandlers: HandlerTable = {
  'vCont?': () => 'vCont;c;C;s;S;t;r',
  vCont: (client, args) => resumeAndReply(client, parseVCont(args, (text) => client.parseThread(text))),
  c: legacy('continue', false),
  s: legacy('step', false),
  C: legacy('continue', true),
  S: legacy('step', true),
  bc: reverseContinue,
  bs: reverseContinue,
};
