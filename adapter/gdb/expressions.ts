// Expressions, labels and counts of the children of a value, from what gdb says of parent and child.
// Pure text; must not know gdb's process or handles.
import type { Child, VariableObject } from './variableObjects';

export interface Parent {
  expression: string;
  evaluateName: string | undefined;
}

/** `expression` is for gdb alone; `evaluateName` is one that a user could have written. */
export function childExpression(parent: Parent, object: VariableObject, child: Child, index: number): Parent {
  if (object.dynamic) {
    return { expression: `$_rollpoint_child(${parent.expression}, ${index})`, evaluateName: undefined };
  }
  const part = (of: string): string | undefined => {
    if (/^\d+$/.test(child.label)) {
      return `${wrap(of)}[${child.label}]`;
    }
    if (child.label.startsWith('*')) {
      return `*${wrap(of)}`;
    }
    if (/^[A-Za-z_]\w*$/.test(child.label) && child.label !== child.type) {
      return `${wrap(of)}${isPointer(object.type) ? '->' : '.'}${child.label}`;
    }
    return undefined;
  };
  const expression = part(parent.expression);
  if (expression !== undefined) {
    return { expression, evaluateName: parent.evaluateName === undefined ? undefined : part(parent.evaluateName) };
  }
  // A base class: the same object seen as that type.
  const cast = `*('${child.label}' *)${isPointer(object.type) ? wrap(parent.expression) : `&${wrap(parent.expression)}`}`;
  return { expression: cast, evaluateName: undefined };
}

export function labelOf(object: VariableObject, child: Child): string {
  return /^\d+$/.test(child.label) && !object.dynamic ? `[${child.label}]` : child.label;
}

export function valueText(child: Child): string {
  return child.value;
}

/** Elements of an array or a container, where gdb or its printer tells. */
export function elementCount(object: VariableObject, summary: string | undefined): number | undefined {
  if (!object.dynamic) {
    return /\[\d+\]$|^\[.*; \d+\]$/.test(object.type) ? object.childCount : undefined;
  }
  const match = /\bof length (\d+)|\bwith (\d+) elements?|\(size=(\d+)\)/.exec(summary ?? '');
  const count = match && (match[1] ?? match[2] ?? match[3]);
  return count === null || count === undefined ? undefined : Number(count);
}

function wrap(expression: string): string {
  return /^[\w$.:[\]]+$/.test(expression) || /^\$\w+\(.*\)$/.test(expression) ? expression : `(${expression})`;
}

function isPointer(type: string): boolean {
  return /\*(\s*const)?$/.test(type) || /^\*(mut|const) /.test(type);
}
