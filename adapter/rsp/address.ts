// Where the server listens, as gdbserver's COMM argument says it: `host:port`, `:0`, `-`, or the path of a unix socket.
// Pure.

export type Address =
  | { kind: 'stdio' }
  | { kind: 'tcp'; host: string | null; port: number }
  | { kind: 'unix'; path: string };

/** Throws an Error in words for the user. */
export function parseAddress(text: string): Address {
  if (text === '-' || text === 'stdio') return { kind: 'stdio' };
  if (text.startsWith('unix:')) return { kind: 'unix', path: text.slice('unix:'.length) };
  const plain = text.replace(/^tcp[46]?:/, '');
  const colon = plain.lastIndexOf(':');
  const port = plain.slice(colon + 1);
  if (colon < 0 || plain.includes('/')) return { kind: 'unix', path: text };
  if (!/^\d+$/.test(port) || Number(port) > 65535) throw new Error(`Not a port number: "${port}" in "${text}"; write HOST:PORT, :0 or the path of a socket.`);
  const host = plain.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { kind: 'tcp', host: host === '' ? null : host, port: Number(port) };
}
