// General queries and settings: qSupported, threads, H and T, environment, signals to pass, TLS addresses.
// What a program does or how it is started is not decided here; the settings are only kept.
import type { Client, Handler, HandlerTable } from './client';
import { hexToText, PacketError, parseHex, splitOnce, textToHex } from './encoding';
import { toLinuxSignal } from './signals';
import { ALL, ANY } from './threadId';

/** What a client without XML takes `g` to hold. */
const plainFeatures: ReadonlySet<string> = new Set(['core', 'sse', 'linux', 'segments']);

/** Bytes of one packet. gdb takes the number as hexadecimal. */
const PACKET_SIZE = 0x20000;

const announced = [
  `PacketSize=${PACKET_SIZE.toString(16)}`, 'QStartNoAckMode+', 'multiprocess+', 'swbreak+', 'hwbreak+', 'vContSupported+',
  'exec-events+', 'no-resumed+', 'error-message+', 'binary-upload+', 'qXfer:features:read+', 'qXfer:auxv:read+',
  'qXfer:threads:read+', 'qXfer:exec-file:read+', 'qXfer:siginfo:read+', 'qXfer:osdata:read+', 'QPassSignals+',
  'QProgramSignals+', 'QDisableRandomization+', 'QSetWorkingDir+', 'QEnvironmentHexEncoded+', 'QEnvironmentUnset+',
  'QEnvironmentReset+', 'QStartupWithShell+',
];

const supported: Handler = (client, args) => {
  const asked = new Set(args.split(';'));
  client.multiprocess = asked.has('multiprocess+');
  client.swbreak = asked.has('swbreak+');
  client.hwbreak = asked.has('hwbreak+');
  client.execEvents = asked.has('exec-events+');
  client.noResumed = asked.has('no-resumed+');
  if (!/(^|;)xmlRegisters=[^;]*\bi386\b/.test(args)) client.registers = client.registers.filter((spec) => plainFeatures.has(spec.feature));
  const reverse = client.target.snapshots ? ['ReverseContinue+', 'ReverseStep+'] : [];
  return [...announced, ...reverse].join(';');
};

const startNoAck: Handler = (client) => {
  client.host.endAcknowledgements();
  return 'OK';
};

const selectThread: Handler = (client, args) => {
  const tid = client.parseThread(args.slice(1));
  if (args.startsWith('c')) client.continueThread = tid;
  else if (args.startsWith('g')) client.generalThread = tid === ALL ? ANY : tid;
  else return '';
  return 'OK';
};

async function exists(client: Client, text: string): Promise<boolean> {
  const tid = client.parseThread(text);
  return (await client.target.threads()).some((thread) => thread.tid === tid);
}

const threadAlive: Handler = async (client, args) => {
  if (!client.target.process || !(await exists(client, args))) throw new PacketError('no such thread');
  return 'OK';
};

const firstThreads: Handler = async (client) => {
  if (!client.target.process) return 'l';
  return 'm' + (await client.target.threads()).map((thread) => client.threadName(thread.tid)).join(',');
};

const threadInfo: Handler = async (client, args) => {
  const tid = client.parseThread(args);
  const thread = (await client.target.threads()).find((candidate) => candidate.tid === tid);
  if (!thread) throw new PacketError('no such thread');
  return textToHex(thread.name);
};

const attached: Handler = (client, args) => {
  if (args !== '' && parseHex(args) !== client.process.pid) throw new PacketError('no such process');
  return client.process.attached ? '1' : '0';
};

function parseSignals(args: string): number[] {
  return args.split(';').filter((piece) => piece !== '').map((piece) => toLinuxSignal(parseHex(piece)));
}

const passSignals: Handler = (client, args) => {
  client.passSignals.clear();
  for (const signal of parseSignals(args)) if (signal > 0) client.passSignals.add(signal);
  return 'OK';
};

const setVariable: Handler = (client, args) => {
  const [name, value] = splitOnce(hexToText(args), '=');
  client.settings.environment.set(name, value);
  return 'OK';
};

function flagHandler(set: (client: Client, on: boolean) => void): Handler {
  return (client, args) => {
    if (args !== '0' && args !== '1') throw new PacketError(`neither 0 nor 1: ${args}`);
    set(client, args === '1');
    return 'OK';
  };
}

export function queryHandlers(initialEnvironment: ReadonlyMap<string, string>): HandlerTable {
  return {
    qSupported: supported,
    QStartNoAckMode: startNoAck,
    H: selectThread,
    T: threadAlive,
    qC: (client) => (client.target.process ? `QC${client.threadName(client.currentThread())}` : ''),
    qfThreadInfo: firstThreads,
    qsThreadInfo: () => 'l',
    qThreadExtraInfo: threadInfo,
    qAttached: attached,
    QPassSignals: passSignals,
    // Tells which signals the program handles itself; a signal that is resumed with always reaches it here.
    QProgramSignals: () => 'OK',
    QDisableRandomization: flagHandler((client, on) => (client.settings.disableAslr = on)),
    QStartupWithShell: flagHandler((client, on) => (client.settings.shell = on)),
    QSetWorkingDir: (client, args) => {
      client.settings.cwd = args === '' ? null : hexToText(args);
      return 'OK';
    },
    QEnvironmentHexEncoded: setVariable,
    QEnvironmentUnset: (client, args) => {
      client.settings.environment.delete(hexToText(args));
      return 'OK';
    },
    QEnvironmentReset: (client) => {
      client.settings.environment.clear();
      for (const [name, value] of initialEnvironment) client.settings.environment.set(name, value);
      return 'OK';
    },
  };
}
