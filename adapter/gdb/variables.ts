// Locals, watched expressions and their children as rows for the client, expanded page by page.
// Must not know DAP requests or how gdb lists objects; handles outlive a stop, gdb's objects do not.
import { messageOf, UserError } from '../errors';
import type { Gdb } from './backend';
import { childExpression, elementCount, labelOf, valueText } from './expressions';
import { HandleTree } from './handleTree';
import { inFrame, listOf, type MiFrame, type MiVariable } from './mi';
import { Registers } from './registers';
import type { Frame, FrameContext } from './stack';
import { type Child, describerOf, type VariableObject, VariableObjects } from './variableObjects';

export interface Row {
  name: string;
  value: string;
  type?: string;
  variablesReference: number;
  evaluateName?: string;
  memoryReference?: string;
  indexedVariables?: number;
  presentationHint?: { kind?: string; attributes?: string[] };
}

export interface Page {
  start?: number;
  count?: number;
}

interface ScopeNode {
  path: string;
  kind: 'locals' | 'registers';
  group?: string;
  frame: FrameContext;
  function: string;
}

interface ObjectNode {
  path: string;
  kind: 'object';
  /** What gives this value in its frame: not always what a user would write. */
  expression: string;
  evaluateName: string | undefined;
  frame: FrameContext | undefined;
  function: string | undefined;
  generation: number;
  object: Promise<VariableObject> | undefined;
  /** Elements, where they are known without making them. */
  count: number | undefined;
}

interface MoreNode {
  path: string;
  kind: 'more';
  owner: ObjectNode;
  start: number;
}

type Node = ScopeNode | ObjectNode | MoreNode;

/** Without a page asked for, so many children at once; the rest hangs under a last row. */
const pageSize = 1000;
/** From here on a client that can page is told the count, so that it does. */
const pagedFrom = 100;

export class Variables {
  private readonly handles = new HandleTree<Node>();
  private readonly objects: VariableObjects;
  private readonly registers: Registers;
  private functions = new Map<string, Promise<string | undefined>>();

  constructor(private readonly gdb: Gdb) {
    this.objects = new VariableObjects(gdb, describerOf(gdb));
    this.registers = new Registers(gdb);
  }

  /** To be called whenever values may have changed: a stop, a restore, an assignment. */
  moved(): void {
    this.objects.drop();
    this.functions.clear();
  }

  scope(kind: 'locals' | 'registers', frame: Frame, group?: string): number {
    const { threadId, level } = frame;
    const path = `${threadId}/${level}/${frame.function}/${kind}${group ?? ''}`;
    return this.handles.put(path, () => ({ path, kind, group, frame: { threadId, level }, function: frame.function })).id;
  }

  async evaluate(expression: string, frame: Frame | undefined): Promise<Row> {
    const { node, id } = this.expressionNode(expression, expression, expression, frame, 'evaluate');
    const object = await this.resolve(node);
    const [summary] = await this.objects.summaries(isCompound(object) ? [expression] : [], node.frame);
    return this.row(expression, id, node, object, summary);
  }

  async children(reference: number, page: Page): Promise<Row[]> {
    const node = this.handles.get(reference);
    if (!node) {
      throw new UserError('This variable is of a session that has ended.', false);
    }
    try {
      switch (node.kind) {
        case 'locals':
          await this.checkFrame(node);
          return slice(await this.locals(node), page);
        case 'registers':
          await this.checkFrame(node);
          return slice(await this.registerRows(node), page);
        case 'more':
          return await this.objectChildren(node.owner, node.start + (page.start ?? 0), page.count);
        case 'object':
          return await this.objectChildren(node, page.start ?? 0, page.count);
      }
    } catch (error) {
      // A row, not an error response: the client would show nothing at all below this variable.
      return [errorRow('', error)];
    }
  }

  /** Sets child `name` of `reference`. Throws UserError when it cannot be set. */
  async assign(reference: number, name: string, value: string): Promise<Row> {
    const parent = this.handles.get(reference);
    const child = parent && this.handles.find(`${parent.kind === 'more' ? parent.owner.path : parent.path}/${name}`);
    if (!child || child.node.kind !== 'object') {
      throw new UserError(`"${name}" cannot be set.`, false);
    }
    return this.assignTo(name, child.id, child.node, value);
  }

  async assignExpression(expression: string, value: string, frame: Frame | undefined): Promise<Row> {
    const { node, id } = this.expressionNode(expression, expression, expression, frame, 'evaluate');
    return this.assignTo(expression, id, node, value);
  }

  /** The expression behind child `name` of `reference`, and its frame. */
  expressionOf(reference: number, name: string): { expression: string; frame: FrameContext | undefined } | undefined {
    const parent = this.handles.get(reference);
    const child = parent && this.handles.find(`${parent.path}/${name}`)?.node;
    return child?.kind === 'object' ? { expression: child.expression, frame: child.frame } : undefined;
  }

  private async assignTo(name: string, id: number, node: ObjectNode, value: string): Promise<Row> {
    const object = await this.resolve(node);
    await this.objects.assign(object, value);
    this.moved();
    return this.row(name, id, node, await this.resolve(node), undefined);
  }

  private async locals(scope: ScopeNode): Promise<Row[]> {
    const { variables } = await this.gdb.command<{ variables?: MiVariable[] }>(
      `-stack-list-variables${inFrame(scope.frame)} --simple-values`,
    );
    const seen = new Map<string, number>();
    const entries = listOf(variables).map((variable) => {
      const depth = seen.get(variable.name) ?? 0;
      seen.set(variable.name, depth + 1);
      const label = depth === 0 ? variable.name : `${variable.name} (hidden${depth > 1 ? ` ${depth}` : ''})`;
      const expression = depth === 0 ? variable.name : `$_rollpoint_hidden("${variable.name}", ${depth})`;
      const named = depth === 0 ? variable.name : undefined;
      return { label, variable, ...this.expressionNode(`${scope.path}/${label}`, expression, named, scope) };
    });
    const objects = await Promise.allSettled(entries.map(({ node }) => this.resolve(node)));
    const compound = entries.filter((_, index) => isCompound(settled(objects[index])));
    const summaries = await this.objects.summaries(compound.map(({ node }) => node.expression), scope.frame);
    return entries.map(({ label, variable, node, id }, index) => {
      const outcome = objects[index]!;
      if (outcome.status === 'fulfilled') {
        return this.row(label, id, node, outcome.value, summaries[compound.findIndex((entry) => entry.id === id)]);
      }
      return variable.value === undefined
        ? errorRow(label, outcome.reason)
        : { name: label, value: variable.value, type: variable.type, variablesReference: 0 };
    });
  }

  private async registerRows(scope: ScopeNode): Promise<Row[]> {
    if (scope.group === undefined) {
      const { general, groups } = await this.registers.list(scope.frame);
      return [
        ...general.map(({ name, value }) => {
          this.expressionNode(`${scope.path}/${name}`, `$${name}`, `$${name}`, scope);
          return { name, value, type: 'register', evaluateName: `$${name}`, variablesReference: 0 };
        }),
        ...groups.map((group) => ({
          name: group,
          value: '',
          variablesReference: this.scope('registers', { ...scope.frame, function: scope.function } as Frame, `/${group}`),
        })),
      ];
    }
    const names = await this.registers.names(scope.group.slice(1));
    const rows = names.map(async (name) => {
      const { node, id } = this.expressionNode(`${scope.path}/${name}`, `$${name}`, `$${name}`, scope);
      try {
        return this.row(name, id, node, await this.resolve(node), undefined);
      } catch (error) {
        return errorRow(name, error);
      }
    });
    return Promise.all(rows);
  }

  private async objectChildren(node: ObjectNode, start: number, count: number | undefined): Promise<Row[]> {
    const object = await this.resolve(node);
    const isMap = object.hint === 'map';
    const wanted = count === undefined || count === 0 ? pageSize : count;
    const slice = arraySlice(node, object, start, wanted);
    if (slice) {
      const part = await this.objects.create(slice.expression, node.frame).catch(() => undefined);
      if (part) {
        const { children } = await this.objects.children(part, 0, slice.count);
        return this.childRows(node, object, children.map((child, index) => ({ ...child, label: String(start + index) })), start);
      }
    }
    const width = isMap ? 2 : 1;
    const { children, more } = await this.objects.children(object, start * width, (start + wanted) * width);
    const rows = await this.childRows(node, object, children, start);
    if (more && (count === undefined || count === 0)) {
      const path = `${node.path}/…${start + wanted}`;
      const next: MoreNode = { path, kind: 'more', owner: node, start: start + wanted };
      rows.push({ name: '…', value: 'more', variablesReference: this.handles.put(path, () => next).id });
    }
    return rows;
  }

  private async childRows(node: ObjectNode, object: VariableObject, children: Child[], start: number): Promise<Row[]> {
    const isMap = object.hint === 'map';
    const width = isMap ? 2 : 1;
    const summaries = await this.summariesOf(node, object, children, start * width);
    const rows: Row[] = [];
    for (let index = 0; index + width <= children.length; index += width) {
      const child = children[index + width - 1]!;
      const key = isMap ? (summaries[index] ?? valueText(children[index]!)) : undefined;
      const label = key === undefined ? labelOf(object, child) : `[${key}]`;
      const { expression, evaluateName } = childExpression(node, object, child, start * width + index + width - 1);
      const made = this.expressionNode(`${node.path}/${label}`, expression, evaluateName, node);
      made.node.object = Promise.resolve(child);
      made.node.generation = this.objects.generation;
      rows.push(this.row(label, made.id, made.node, child, summaries[index + width - 1]));
    }
    return rows;
  }

  private async summariesOf(node: ObjectNode, object: VariableObject, children: Child[], start: number): Promise<(string | null | undefined)[]> {
    if (!children.some(isCompound)) {
      return [];
    }
    if (object.dynamic) {
      return this.objects.childSummaries(node.expression, start, start + children.length, node.frame);
    }
    const compound = children.filter(isCompound);
    const expressions = compound.map((child) => childExpression(node, object, child, start + children.indexOf(child)).expression);
    const texts = await this.objects.summaries(expressions, node.frame);
    return children.map((child) => texts[compound.indexOf(child)]);
  }

  private expressionNode(
    path: string,
    expression: string,
    evaluateName: string | undefined,
    place: { threadId: number; level: number; function: string } | { frame: FrameContext | undefined; function: string | undefined } | undefined,
    prefix?: string,
  ): { id: number; node: ObjectNode } {
    const frame = place === undefined ? undefined : 'frame' in place ? place.frame : { threadId: place.threadId, level: place.level };
    const full = prefix ? `${prefix}/${frame ? `${frame.threadId}/${frame.level}/${place?.function}` : ''}/${path}` : path;
    const made = this.handles.put(
      full,
      () => ({
        path: full,
        kind: 'object',
        expression,
        evaluateName,
        frame,
        function: place?.function,
        generation: -1,
        object: undefined,
        count: undefined,
      }),
      (node) => {
        if (node.kind === 'object') {
          node.expression = expression;
          node.evaluateName = evaluateName;
        }
      },
    );
    return made as { id: number; node: ObjectNode };
  }

  /** The object of this stop behind a node: made anew when the debuggee has moved since. */
  private resolve(node: ObjectNode): Promise<VariableObject> {
    if (!node.object || node.generation !== this.objects.generation) {
      node.generation = this.objects.generation;
      node.object = this.checkFrame(node).then(() => this.objects.create(node.expression, node.frame));
      node.object.catch(() => undefined);
    }
    return node.object;
  }

  /** Throws UserError when the frame that a handle was made in has been left. */
  private async checkFrame(node: { frame: FrameContext | undefined; function: string | undefined }): Promise<void> {
    const { frame } = node;
    if (!frame || node.function === undefined) {
      return;
    }
    const key = inFrame(frame);
    let name = this.functions.get(key);
    if (!name) {
      name = this.gdb
        .command<{ frame: MiFrame }>(`-stack-info-frame${key}`)
        .then((answer) => answer.frame.func ?? '??', () => undefined);
      this.functions.set(key, name);
    }
    if ((await name) !== node.function) {
      throw new UserError(`"${node.function}" has been left.`, false);
    }
  }

  private row(name: string, id: number, node: ObjectNode, object: VariableObject, summary: string | null | undefined): Row {
    const value = summary ?? object.value;
    node.count = elementCount(object, summary ?? undefined);
    const row: Row = { name, value, type: object.type, variablesReference: object.hasChildren ? id : 0 };
    if (node.evaluateName !== undefined) {
      row.evaluateName = node.evaluateName;
    }
    if (node.count !== undefined && node.count > pagedFrom) {
      row.indexedVariables = node.count;
    }
    const pointer = /^(0x[0-9a-f]+)\b/.exec(object.value)?.[1];
    if (pointer) {
      row.memoryReference = pointer;
    }
    return row;
  }
}

function arraySlice(node: ObjectNode, object: VariableObject, start: number, wanted: number): { expression: string; count: number } | undefined {
  // gdb makes every element of an array before it lists the first: seconds and hundreds of megabytes for a large one.
  const large = !object.dynamic && object.childCount > pageSize && /\[\d+\]$|^\[.*; \d+\]$/.test(object.type);
  const count = Math.min(wanted, object.childCount - start);
  return large && count > 0 ? { expression: `(${node.expression})[${start}]@${count}`, count } : undefined;
}

function isCompound(object: VariableObject | undefined): boolean {
  return object !== undefined && object.hasChildren && /^(\{\.\.\.\}|\[\d+\])$/.test(object.value);
}

function settled<T>(outcome: PromiseSettledResult<T> | undefined): T | undefined {
  return outcome?.status === 'fulfilled' ? outcome.value : undefined;
}

function errorRow(name: string, error: unknown): Row {
  return { name, value: `<${messageOf(error)}>`, variablesReference: 0, presentationHint: { attributes: ['readOnly'] } };
}

function slice(rows: Row[], page: Page): Row[] {
  const start = page.start ?? 0;
  return page.count ? rows.slice(start, start + page.count) : rows.slice(start);
}
