// `rollpoint-adapter --terminal SOCKET`: runs in the user's terminal and relays it to the debuggee's own, both ways.
// Knows the socket and this process's terminal only; the debuggee lives on a pseudo-terminal of the adapter.
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { encodeFrame, FrameReader, type Frame } from './terminal/frames';

/** Resolves to this process's exit code when the debuggee or the session has ended. */
export function runTerminalRelay(socketPath: string): Promise<number> {
  const { stdin, stdout } = process;
  const socket = connect(socketPath);
  const frames = new FrameReader();
  const send = (frame: Frame) => socket.write(encodeFrame(frame));
  const sendSize = () => send({ kind: 'size', rows: stdout.rows, columns: stdout.columns });

  let restore = () => {};

  return new Promise((resolve) => {
    let finished = false;
    const finish = (text: string, code: number) => {
      if (finished) {
        return;
      }
      finished = true;
      stdin.pause();
      socket.destroy();
      // While still raw, so that what the debuggee wrote last and this follow each other with their own line ends.
      stdout.write(text, () => {
        restore();
        resolve(code);
      });
    };

    socket.on('connect', () => {
      restore = makeRaw();
      sendSize();
      stdout.on('resize', sendSize);
      stdin.on('data', (bytes: Buffer) => {
        if (!send({ kind: 'input', bytes })) {
          stdin.pause();
          socket.once('drain', () => stdin.resume());
        }
      });
    });
    socket.on('data', (bytes: Buffer) => {
      for (const frame of frames.add(bytes)) {
        if (frame.kind === 'exit') {
          finish(frame.text, 0);
        } else if (frame.kind === 'output' && !finished && !stdout.write(frame.bytes)) {
          socket.pause();
          stdout.once('drain', () => socket.resume());
        }
      }
    });
    socket.on('error', (error) => finish(`Rollpoint: the debug session cannot be reached (${error.message}).\r\n`, 1));
    socket.on('close', () => finish('\r\nThe debug session has ended.\r\n', 1));
    // The terminal was closed: the adapter sees the socket end and hangs up the debuggee's terminal.
    process.on('SIGHUP', () => finish('', 129));
    stdout.on('error', () => finish('', 1));
  });
}

/**
 * Raw: the debuggee's own terminal echoes, edits lines, ends them and turns ^C into a signal. Not by `setRawMode`, which
 * still turns each \n into \r\n (uv_tty_set_mode): what full-screen programs draw would come out wrong.
 */
function makeRaw(): () => void {
  const stty = (...args: string[]) => execFileSync('stty', args, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
  try {
    const before = stty('-g').trim();
    stty('raw', '-echo');
    return () => {
      try {
        stty(before);
      } catch {
        // The terminal is gone.
      }
    };
  } catch {
    return () => {};
  }
}
