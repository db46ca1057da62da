// What a user types for "Branch here with…": `wanted = 33; order.pieces = wanted + 1`.
// Pure text; must not know VS Code or languages beyond strings and brackets.

import type { Assignment } from '../adapter/protocol';

/** Undefined where it is not a list of assignments; `problem` says why. */
export function assignmentsOf(text: string): { assignments: Assignment[]; problem?: undefined } | { assignments?: undefined; problem: string } {
  const assignments: Assignment[] = [];
  for (const part of partsOf(text, ';')) {
    if (part.trim() === '') continue;
    const [expression = '', value] = splitAt(part, assignmentAt(part));
    if (value === undefined) return { problem: `Say what "${part.trim()}" is to be: ${part.trim()} = …` };
    if (!expression) return { problem: 'Name a variable, or an expression that can be assigned to, before the "=".' };
    if (!value) return { problem: `Say what "${expression}" is to be.` };
    assignments.push({ expression, value });
  }
  return assignments.length > 0 ? { assignments } : { problem: 'Type a variable and its new value, such as count = 3.' };
}

export function assignmentsText(assignments: readonly Assignment[]): string {
  return assignments.map(({ expression, value }) => `${expression} = ${value}`).join('; ');
}

/** Outside of quotes; a quote without an end reaches to the end of the text. */
function partsOf(text: string, separator: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const quoted = /^(["'])(?:\\.|(?!\1)[^\\])*\1?/s.exec(text.slice(at));
    if (quoted) at += quoted[0].length - 1;
    else if (text[at] === separator) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, text.slice(from)];
}

/** Where the first `=` stands that assigns: no comparison, no `+=`, not inside quotes or brackets; -1: none. */
function assignmentAt(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const quoted = /^(["'])(?:\\.|(?!\1)[^\\])*\1?/s.exec(text.slice(at));
    if (quoted) {
      at += quoted[0].length - 1;
      continue;
    }
    const character = text[at] as string;
    if ('([{'.includes(character)) depth += 1;
    else if (')]}'.includes(character)) depth -= 1;
    else if (character === '=' && depth === 0) {
      if (text[at + 1] === '=') at += 1;
      else if (!'<>!+-*/%&|^'.includes(text[at - 1] ?? ' ')) return at;
    }
  }
  return -1;
}

function splitAt(text: string, at: number): [string, string?] {
  return at < 0 ? [text.trim()] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}
