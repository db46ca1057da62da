// Signal numbers: the remote protocol has its own (the enumeration in gdb's manual), Linux on amd64 another.
// Pure tables; unknown numbers map to gdb's UNKNOWN and to 0.

const UNKNOWN = 143;

/** Index: Linux number 1 to 31; value: the protocol's. */
const classic = [
  0, 1, 2, 3, 4, 5, 6, 10, 8, 9, 30, 11, 31, 13, 14, 15, UNKNOWN, 20, 19, 17, 18, 21, 22, 16, 24, 25, 26, 27, 28, 23, 32, 12,
];

/** SIGRTMIN (32) and SIGRTMAX (64) stand apart from 33 to 63. */
function realtime(linux: number): number {
  if (linux === 32) return 77;
  if (linux === 64) return 78;
  return linux - 33 + 45;
}

export function toProtocolSignal(linux: number): number {
  if (linux >= 0 && linux < classic.length) return classic[linux] ?? UNKNOWN;
  return linux <= 64 ? realtime(linux) : UNKNOWN;
}

const reverse = new Map<number, number>();
for (let linux = 64; linux >= 0; linux--) {
  const protocol = toProtocolSignal(linux);
  if (protocol !== UNKNOWN) reverse.set(protocol, linux);
}
// SIGPOLL and SIGIO share one number on Linux and have two in the protocol.
reverse.set(33, 29);

/** 0 for a signal that Linux does not have. */
export function toLinuxSignal(protocol: number): number {
  return reverse.get(protocol) ?? 0;
}

const names = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT ' +
  'CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
).split(' ');

/** `SIGSEGV` for Linux number 11. */
export function signalName(linux: number): string {
  const name = names[linux - 1];
  return name ? `SIG${name}` : `SIG${linux}`;
}
