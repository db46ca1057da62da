// A debug adapter that has as many snapshots as a test likes, and no program: what a long session looks like to VS Code.
// Speaks the Debug Adapter Protocol over TCP (`"debugServer"` in a launch configuration), one client at a time.
import { createServer } from 'node:net';

const reasons = ['breakpoint', 'breakpoint', 'step', 'manual', 'exception', 'pause', 'entry', 'restore', 'exit'];

/** Snapshots 1 to `count`; now and then the program went on from an earlier one. */
export function syntheticSnapshots(count, path) {
  return Array.from({ length: count }, (_, index) => {
    const id = index + 1;
    const branches = id % 50 === 0;
    return {
      id,
      parent: index === 0 ? null : branches ? id - 20 : index,
      label: id % 100 === 7 ? `station ${id}` : null,
      reason: branches ? 'breakpoint' : (id + 1) % 50 === 0 ? 'restore' : reasons[id % 7],
      createdAt: Date.UTC(2024, 0, 2, 3, 4, 5) + id * 1700,
      threadId: 1 + (id % 3),
      location: { name: `stage_${id % 9}`, path, line: 1 + (id % 60) },
      bytes: 4096 * ((id * 7919) % 300),
      pages: (id * 7919) % 300,
      pauseMicros: 300 + (id % 900),
      pinned: id % 100 === 3,
      exact: id % 90 !== 5,
      warnings: id % 90 === 5 ? [{ kind: 'socket', message: 'Connections that lead out of the program do not go back.' }] : [],
    };
  });
}

/** `list`: what the adapter says of its snapshots; a test may change it and call `changed`. */
export async function serveSnapshots(list) {
  const requests = [];
  let write = () => undefined;
  let sequence = 0;
  const send = (message) => {
    const body = JSON.stringify({ seq: ++sequence, ...message });
    write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  };
  const event = (name, body = {}) => send({ type: 'event', event: name, body });
  const changed = () => event('rollpoint/snapshotsChanged', list);
  const source = { path: list.snapshots[0]?.location.path };
  // Another one for each of those that follow each other, so that a stop can be told from the one before.
  const lineOf = (id) => 1 + (id % 20);
  const answers = {
    initialize: () => ({ supportsConfigurationDoneRequest: true, supportsStepBack: true }),
    threads: () => ({ threads: [{ id: 1, name: 'main' }] }),
    stackTrace: () => ({ stackFrames: [{ id: 1, name: 'stage_0', line: lineOf(list.peeking ?? list.current), column: 1, source }], totalFrames: 1 }),
    scopes: () => ({ scopes: [] }),
    'rollpoint/listSnapshots': () => list,
    'rollpoint/checkRestore': ({ id }) => {
      const warnings = list.snapshots.find((snapshot) => snapshot.id === id)?.warnings ?? [];
      return { exact: warnings.length === 0, warnings };
    },
    'rollpoint/restoreSnapshot': ({ id }) => {
      Object.assign(list, { current: id, peeking: null });
      return {};
    },
    'rollpoint/peekSnapshot': ({ id }) => {
      list.peeking = id;
      return {};
    },
    'rollpoint/valueHistory': () => ({
      points: list.snapshots.map(({ id }) => ({ id, value: String(Math.round(50 + 50 * Math.sin(id / 9))), type: 'int', changed: id > 1 })),
    }),
    'rollpoint/updateSnapshot': ({ id, ...change }) => {
      const snapshot = list.snapshots.find((candidate) => candidate.id === id);
      Object.assign(snapshot, change);
      return { snapshot };
    },
    'rollpoint/deleteSnapshot': ({ id }) => {
      list.snapshots = list.snapshots.filter((snapshot) => snapshot.id !== id);
      return {};
    },
  };
  const answer = ({ seq, command, arguments: args = {} }) => {
    requests.push({ command, args });
    send({ type: 'response', request_seq: seq, command, success: true, body: answers[command]?.(args) ?? {} });
    if (command === 'initialize') event('initialized');
    if (command === 'configurationDone') {
      changed();
      event('stopped', { reason: 'breakpoint', threadId: 1, allThreadsStopped: true });
    }
    if (/^rollpoint\/(restore|peek|update|delete)/.test(command)) changed();
    if (/^rollpoint\/(restore|peek)/.test(command)) event('stopped', { reason: 'goto', threadId: 1, allThreadsStopped: true });
    if (command === 'disconnect') event('terminated');
  };
  const server = createServer((socket) => {
    let buffer = Buffer.alloc(0);
    write = (text) => socket.write(text);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      buffer = Buffer.concat([buffer, data]);
      for (;;) {
        const head = /^Content-Length: (\d+)\r\n\r\n/.exec(buffer.toString('latin1', 0, 100));
        if (!head) return;
        const end = head[0].length + Number(head[1]);
        if (buffer.length < end) return;
        const message = JSON.parse(buffer.toString('utf8', head[0].length, end));
        buffer = buffer.subarray(end);
        answer(message);
      }
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: server.address().port, list, requests, changed, lineOf, close: () => server.close() };
}
