// vFile: gdb reads the program's files (executables, libraries, /proc entries) through the server.
// Works with the file system of the machine, or of the debuggee's mount namespace; knows nothing of the target.
import { constants } from 'node:fs';
import { open, readlink, unlink, type FileHandle } from 'node:fs/promises';
import type { Client, Handler, HandlerTable } from './client';
import { fromLatin1, hexToText, latin1, parseHex, splitOnce } from './encoding';

const MAX_READ = 0x10000;

/** File-I/O error numbers of the remote protocol; all others are 9999. */
const protocolErrno: Readonly<Record<string, number>> = {
  EPERM: 1, ENOENT: 2, EINTR: 4, EBADF: 9, EACCES: 13, EFAULT: 14, EBUSY: 16, EEXIST: 17, ENODEV: 19, ENOTDIR: 20,
  EISDIR: 21, EINVAL: 22, ENFILE: 23, EMFILE: 24, EFBIG: 27, ENOSPC: 28, ESPIPE: 29, EROFS: 30, ENAMETOOLONG: 91,
};

function openFlags(protocol: number): number {
  let flags = [constants.O_RDONLY, constants.O_WRONLY, constants.O_RDWR][protocol & 3] ?? constants.O_RDONLY;
  if (protocol & 0x8) flags |= constants.O_APPEND;
  if (protocol & 0x200) flags |= constants.O_CREAT;
  if (protocol & 0x400) flags |= constants.O_TRUNC;
  if (protocol & 0x800) flags |= constants.O_EXCL;
  return flags;
}

/** struct stat of the File-I/O protocol: big endian, 64 bytes. */
async function packStat(file: FileHandle): Promise<Buffer> {
  const info = await file.stat({ bigint: true });
  const out = Buffer.alloc(64);
  const low = (value: bigint): number => Number(value & 0xffffffffn);
  [info.dev, info.ino, info.mode, info.nlink, info.uid, info.gid, info.rdev].forEach((value, n) => out.writeUInt32BE(low(value), n * 4));
  [info.size, info.blksize, info.blocks].forEach((value, n) => out.writeBigUInt64BE(value, 28 + n * 8));
  [info.atimeMs, info.mtimeMs, info.ctimeMs].forEach((value, n) => out.writeUInt32BE(low(value / 1000n), 52 + n * 4));
  return out;
}

/** Open files of one client; closed with it. */
class HostFiles {
  private readonly files = new Map<number, FileHandle>();
  private next = 3;
  private root = '';

  /** Files are seen as the process sees them when it lives in a mount namespace of its own. */
  async setRoot(pid: number): Promise<string> {
    this.root = '';
    if (pid !== 0) {
      const [own, other] = await Promise.all([readlink('/proc/self/ns/mnt'), readlink(`/proc/${pid}/ns/mnt`)]);
      if (own !== other) this.root = `/proc/${pid}/root`;
    }
    return 'F0';
  }

  async open(args: string): Promise<string> {
    const [name, flags, mode] = args.split(',');
    const handle = await open(this.path(name ?? ''), openFlags(parseHex(flags ?? '')), parseHex(mode ?? '') & 0o777);
    const fd = this.next++;
    this.files.set(fd, handle);
    return `F${fd.toString(16)}`;
  }

  async read(args: string): Promise<string> {
    const [fd, count, offset] = args.split(',').map(parseHex) as [number, number, number];
    const buffer = Buffer.alloc(Math.min(count, MAX_READ));
    const { bytesRead } = await this.file(fd).read(buffer, 0, buffer.length, offset);
    return attach(buffer.subarray(0, bytesRead));
  }

  async write(args: string): Promise<string> {
    const [fd, afterFd] = splitOnce(args, ',');
    const [offset, data] = splitOnce(afterFd, ',');
    const bytes = fromLatin1(data);
    const { bytesWritten } = await this.file(parseHex(fd)).write(bytes, 0, bytes.length, parseHex(offset));
    return `F${bytesWritten.toString(16)}`;
  }

  async stat(args: string): Promise<string> {
    return attach(await packStat(this.file(parseHex(args))));
  }

  async close(args: string): Promise<string> {
    const fd = parseHex(args);
    const file = this.file(fd);
    this.files.delete(fd);
    await file.close();
    return 'F0';
  }

  async readlink(args: string): Promise<string> {
    return attach(Buffer.from(await readlink(this.path(args)), 'utf8'));
  }

  async unlink(args: string): Promise<string> {
    await unlink(this.path(args));
    return 'F0';
  }

  async closeAll(): Promise<void> {
    await Promise.allSettled([...this.files.values()].map((file) => file.close()));
    this.files.clear();
  }

  private path(hex: string): string {
    return this.root + hexToText(hex);
  }

  private file(fd: number): FileHandle {
    const file = this.files.get(fd);
    if (!file) throw Object.assign(new Error('bad file descriptor'), { code: 'EBADF' });
    return file;
  }
}

function attach(data: Buffer): string {
  return `F${data.length.toString(16)};${latin1(data)}`;
}

const operations: Readonly<Record<string, (files: HostFiles, args: string) => Promise<string>>> = {
  setfs: (files, args) => files.setRoot(parseHex(args)),
  open: (files, args) => files.open(args),
  pread: (files, args) => files.read(args),
  pwrite: (files, args) => files.write(args),
  fstat: (files, args) => files.stat(args),
  close: (files, args) => files.close(args),
  readlink: (files, args) => files.readlink(args),
  unlink: (files, args) => files.unlink(args),
};

const perClient = new WeakMap<Client, HostFiles>();

const hostFile: Handler = async (client, args) => {
  const [name, rest] = splitOnce(args, ':');
  const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
  if (!operation) return '';
  let files = perClient.get(client);
  if (!files) perClient.set(client, (files = new HostFiles()));
  try {
    return await operation(files, rest);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    return `F-1,${(protocolErrno[code] ?? 9999).toString(16)}`;
  }
};

export async function closeHostFiles(client: Client): Promise<void> {
  await perClient.get(client)?.closeAll();
}

export const hostFileHandlers: HandlerTable = { vFile: hostFile };
