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

/** Processes still there after `graceMillis`; they are ended before this returns. */
export async function processesLeft(mark, graceMillis = 10_000) {
  const limit = Date.now() + graceMillis;
  let left = marked(mark);
  while (left.length > 0 && Date.now() < limit) {
    await sleep(200);
    left = marked(mark);
  }
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
