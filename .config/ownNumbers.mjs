// A place where processes, System V objects, message queues and terminals have numbers of their own, so that two runs of
// the same tests beside each other cannot take each other's. Linux namespaces(7); needs root.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';

// The first process: it buries orphans (bash does, whatever it waits for) until our end of its input is closed, and
// everything inside ends with it. Numbers come round as early as they do on most systems, not after four million.
const first = [
  'echo 32768 >/proc/sys/kernel/pid_max 2>/dev/null',
  'mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts /dev/pts && mount --bind /dev/pts/ptmx /dev/ptmx || exit 1',
  ...(existsSync('/dev/mqueue') ? ['mount -t mqueue mqueue /dev/mqueue || exit 1'] : []),
  'echo ready',
  'while read -r _; do :; done',
].join('\n');

export class OwnNumbers {
  #holder;
  #pid;

  /** undefined where this machine refuses, as most containers do. */
  static async open() {
    const own = new OwnNumbers();
    const holder = spawn('unshare', ['--pid', '--ipc', '--mount', '--mount-proc', '--fork', '--kill-child', 'bash', '-c', first], { stdio: ['pipe', 'pipe', 'ignore'] });
    own.#holder = holder;
    const ready = await Promise.race([once(holder.stdout, 'data').then(() => true), once(holder, 'close').then(() => false), once(holder, 'error').then(() => false)]);
    if (!ready) return undefined;
    own.#pid = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim();
    return own;
  }

  /** Command line that runs `command` inside, in the folder `cwd`. */
  inside(cwd, command, args) {
    return ['nsenter', ['--target', this.#pid, '--pid', '--ipc', '--mount', '--', 'env', '--chdir', cwd, command, ...args]];
  }

  /** Ends what still runs inside. */
  async close() {
    const closed = once(this.#holder, 'close');
    this.#holder.stdin.end();
    await closed;
  }
}
