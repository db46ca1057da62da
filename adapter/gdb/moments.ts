// Values at other moments than the one on screen, each asked for in one command of gdb's.
// Must not know the list of snapshots or DAP.
import { UserError } from '../errors';
import type { Gdb } from './backend';
import { compareScript } from './compareScript';
import { momentScript } from './momentScript';

export type Moment = number | null;

/** A frame to be found again: by thread and function, and by where its caller's stack ends. */
export interface Place {
  threadId: number;
  level: number;
  function: string | null;
  /** Otherwise the newest frame will do where the function is not running. */
  strict: boolean;
}

/** `tid`: the thread in whose frame; here and below by the kernel's id, since gdb does not know threads that have ended. */
export type Valued = { value: string; type: string; digest: string; tid: number; message?: undefined } | { message: string };

export interface ValuesCompared {
  variables: { scope: 'local' | 'global' | 'watch'; name: string; type: string; from: string | null; to: string | null; tid?: number; fromTid?: number; function?: string }[];
  /** By thread, for `from` and `to`. */
  places: Record<string, { name: string; path: string | null; line: number | null }>[];
}

const atOnce = 20;
const mostFiles = 500;

export class Moments {
  private loaded: Promise<unknown> | undefined;
  private asked = false;

  constructor(private readonly gdb: Gdb) {}

  /**
   * For each moment a value of each expression, in the first of its threads that has the frame. `tid`: the thread of
   * `place`. `screen`: what is shown, before and after.
   */
  async values(moments: readonly { id: Moment; threads: readonly number[] }[], expressions: readonly string[], place: Place, tid: number, screen: Moment): Promise<Valued[][]> {
    const { level, function: name, strict } = place;
    const result: Valued[][] = [];
    let base: number | null = null;
    for (let at = 0; at < moments.length; at += atOnce) {
      const some = moments.slice(at, at + atOnce);
      const request = { moments: some.map(({ id }) => id), threads: some.map(({ threads }) => threads), expressions, screen, tid, level, function: name, strict, base };
      const answer: { base: number | null; values: Valued[][] } = await this.call('rollpoint_values', request, place.threadId);
      base = answer.base;
      result.push(...answer.values);
    }
    return result;
  }

  /**
   * Variables that differ between two moments, and where the threads of each stood. `tids`: the threads of both.
   * `stopped`: the ones that they had stopped in; `watching`: those in which the watches are meant.
   */
  async compare(
    [from, to]: readonly [Moment, Moment],
    { tids, stopped, watching, watches, place, tid, screen }: {
      tids: readonly (readonly number[])[];
      stopped: readonly number[];
      watching: readonly number[];
      watches: readonly string[];
      place: Place;
      tid: number;
      screen: Moment;
    },
  ): Promise<ValuesCompared> {
    const { threadId: thread, level, function: name } = place;
    const files = await this.ownFiles();
    return this.call('rollpoint_compare', { from, to, threads: tids, stopped, watching, watches, files, screen, tid, level, function: name, strict: false, base: null, frames: 64 }, thread);
  }

  /** Sources of the program itself that gdb has not been asked about; none where this gdb cannot tell whose they are. */
  private async ownFiles(): Promise<string[]> {
    if (this.asked) {
      return [];
    }
    this.asked = true;
    const { files = [] } = await this.gdb
      .command<{ files?: { filename: string; sources?: { file: string; fullname?: string }[] }[] }>('-file-list-exec-source-files --group-by-objfile')
      .catch(() => ({ files: [] }));
    const own = (files[0]?.sources ?? []).map(({ file, fullname }) => fullname ?? file);
    return own.filter((path) => !/^\/(usr|rustc)\/|^<|"/.test(path)).slice(0, mostFiles);
  }

  /** Source of the instruction that the thread made last; of its caller where that has none. */
  lastLine(threadId: number): Promise<{ name: string | null; path: string | null; line: number | null }> {
    return this.call('rollpoint_last_line', {}, threadId);
  }

  /** Runs a function of the script with `request` in the thread; what it answers. Throws UserError in gdb's words. */
  async call<T>(name: string, request: object, threadId: number): Promise<T> {
    if (!this.gdb.hasPython) {
      throw new UserError('This gdb was built without Python, which looking at several snapshots needs: set "gdb" in the launch configuration to another one.');
    }
    this.loaded ??= this.gdb.python(momentScript).then(() => this.gdb.python(compareScript));
    await this.loaded;
    const hex = Buffer.from(JSON.stringify(request)).toString('hex');
    const output = await this.gdb.console(`python ${name}(bytes.fromhex('${hex}').decode())`, { threadId });
    return JSON.parse(Buffer.from(output.trim().split('\n').at(-1) ?? '', 'hex').toString()) as T;
  }
}
