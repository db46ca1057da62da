// Finds what a test stage left behind: processes that carry its mark in their environment, files in its TMPDIR.
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export const markName = 'ROLLPOINT_TEST_RUN';

function marked(mark) {
  const wanted = `${markName}=${mark}`;
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(wanted)) continue;
      // A zombie has an empty environment; what is left here can still be running.
      const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      found.push({ pid: Number(pid), command });
    } catch {
      // Gone meanwhile, or not ours to read.
    }
  }
  return found;
}

/** What somebody wants to know who looks for the reason. */
function circumstances(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `state ${state}, in ${readFileSync(`/proc/${pid}/wchan`, 'latin1')}, parent ${parent}`;
  } catch {
    return 'gone by now';
  }
}

/** Processes still there after `graceMillis`, more than any machine needs; they are ended before this returns. */
export async function processesLeft(mark, graceMillis = 60_000) {
  const limit = Date.now() + graceMillis;
  let left = marked(mark);
  while (left.length > 0 && Date.now() < limit) {
    await sleep(200);
    left = marked(mark);
  }
  for (const process of left) process.circumstances = circumstances(process.pid);
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
  return left;
}

/** Names in `folder` that tests, not their tools, put there. */
export function filesLeft(folder) {
  const tools = /^(tsx-\d+|node-compile-cache|\.?org\.chromium\..*|playwright.*|vscode-.*|npm-.*)$/;
  return readdirSync(folder).filter((name) => !tools.test(name));
}
