// gdb's variable objects of the present stop: made, listed, assigned, and dropped when the debuggee moves.
// Must not know DAP, handles or pages.
import { messageOf, UserError } from '../errors';
import type { Gdb } from './backend';
import { inFrame, listOf, type MiVarChild, type MiVarObject, quote } from './mi';
import type { FrameContext } from './stack';

export interface VariableObject {
  /** gdb's name of it. */
  name: string;
  value: string;
  type: string;
  /** Children that gdb counts by itself; a pretty-printed object counts them only by making them. */
  childCount: number;
  dynamic: boolean;
  hint: string | undefined;
  hasChildren: boolean;
}

export interface Child extends VariableObject {
  /** `x`, `[0]`, `*p`, or a base class. */
  label: string;
}

const accessLabels = new Set(['public', 'private', 'protected']);

export class VariableObjects {
  private next = 1;
  private roots: string[] = [];
  /** Grows with every stop; objects of an earlier one are gone. */
  generation = 0;

  constructor(
    private readonly gdb: Gdb,
    private readonly describe: Describer,
  ) {}

  /** The debuggee has moved, by itself or by a restore: nothing that was made before is used again. */
  drop(): void {
    this.generation++;
    for (const name of this.roots) {
      void this.gdb.command(`-var-delete ${name}`).catch(() => undefined);
    }
    this.roots = [];
  }

  /** Throws GdbError in gdb's words. */
  async create(expression: string, frame: FrameContext | undefined): Promise<VariableObject> {
    const name = `rp${this.next++}`;
    const made = await this.gdb
      .command<MiVarObject>(`-var-create${inFrame(frame)} ${name} * ${quote(expression)}`)
      // "unable to create variable object" says nothing: evaluation alone says why.
      .catch(async (error: unknown) => {
        await this.gdb.command(`-data-evaluate-expression${inFrame(frame)} ${quote(expression)}`);
        throw error;
      });
    this.roots.push(name);
    return toObject({ ...made, name });
  }

  /** Children start to end; those of `public`, `private` and `protected` stand in their place. */
  async children(object: VariableObject, start: number, end: number): Promise<{ children: Child[]; more: boolean }> {
    const { children, has_more: more } = await this.gdb.command<{ children?: MiVarChild[]; has_more?: string }>(
      `-var-list-children --all-values ${quote(object.name)} ${start} ${end}`,
    );
    const result: Child[] = [];
    for (const child of listOf(children)) {
      if (child.type === undefined && accessLabels.has(child.exp)) {
        const inner = await this.gdb.command<{ children?: MiVarChild[] }>(
          `-var-list-children --all-values ${quote(child.name)}`,
        );
        result.push(...listOf(inner.children).map(toChild));
      } else {
        result.push(toChild(child));
      }
    }
    return { children: result, more: more === '1' };
  }

  /** The value that the object has then. Throws UserError when it cannot be changed. */
  async assign(object: VariableObject, value: string): Promise<string> {
    try {
      const { value: now } = await this.gdb.command<{ value: string }>(`-var-assign ${quote(object.name)} ${quote(value)}`);
      return now;
    } catch (error) {
      const message = messageOf(error);
      throw new UserError(
        /not editable/i.test(message)
          ? 'gdb can set numbers, characters, pointers and booleans only: expand this value and set one of its parts.'
          : message,
        false,
      );
    }
  }

  /** A line on each expression, where Python in gdb can give one. */
  summaries(expressions: string[], frame: FrameContext | undefined): Promise<(string | null)[]> {
    return this.describe({ expressions }, frame);
  }

  childSummaries(parent: string, start: number, end: number, frame: FrameContext | undefined): Promise<(string | null)[]> {
    return this.describe({ parent, start, end }, frame);
  }
}

type DescribeRequest = { expressions: string[] } | { parent: string; start: number; end: number };
export type Describer = (request: DescribeRequest, frame: FrameContext | undefined) => Promise<(string | null)[]>;

/** Asks the helper inside gdb; gives nothing where gdb has no Python or the helper fails. */
export function describerOf(gdb: Gdb): Describer {
  return async (request, frame) => {
    if (!gdb.hasPython || ('expressions' in request && request.expressions.length === 0)) {
      return [];
    }
    try {
      const hex = Buffer.from(JSON.stringify(request)).toString('hex');
      const line = await gdb.console(`python rollpoint_describe(bytes.fromhex('${hex}').decode())`, frame);
      return JSON.parse(Buffer.from(line.trim().split('\n').at(-1) ?? '', 'hex').toString()) as (string | null)[];
    } catch {
      return [];
    }
  };
}

function toObject(raw: MiVarObject): VariableObject {
  const childCount = Number(raw.numchild);
  const dynamic = raw.dynamic === '1';
  return {
    name: raw.name,
    value: raw.value ?? '',
    type: raw.type ?? '',
    childCount,
    dynamic,
    hint: raw.displayhint,
    // A child that is pretty-printed says neither how many children it has nor that it has any.
    hasChildren: childCount > 0 || (dynamic && raw.displayhint !== 'string'),
  };
}

function toChild(raw: MiVarChild): Child {
  return { ...toObject(raw), label: raw.exp };
}
