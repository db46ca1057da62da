// Hit conditions and log messages as users write them in the editor, as values.
// Pure text; must not know gdb.

export interface HitCondition {
  operator: '==' | '>=' | '>' | '<=' | '<' | '%';
  count: number;
}

/** `5`, `= 5`, `>=3`, `%2`; null when it is none of these. */
export function parseHitCondition(text: string): HitCondition | null {
  const match = /^\s*(==?|>=?|<=?|%)?\s*(\d+)\s*$/.exec(text);
  if (!match) {
    return null;
  }
  const operator = match[1] === undefined || match[1] === '=' ? '==' : (match[1] as HitCondition['operator']);
  const count = Number(match[2]);
  return operator === '%' && count === 0 ? null : { operator, count };
}

export type LogPart = { text: string } | { expression: string };

/** `x is {x}` in parts. Braces inside an expression nest; `\{` and `\}` stand for themselves. */
export function parseLogMessage(message: string): LogPart[] {
  const parts: LogPart[] = [];
  let text = '';
  for (let at = 0; at < message.length; at++) {
    const char = message[at]!;
    if (char === '\\' && '{}\\'.includes(message[at + 1] ?? ' ')) {
      text += message[++at];
      continue;
    }
    const end = char === '{' ? closing(message, at) : -1;
    const expression = end < 0 ? '' : message.slice(at + 1, end).trim();
    if (!expression) {
      text += char;
      continue;
    }
    if (text) {
      parts.push({ text });
      text = '';
    }
    parts.push({ expression });
    at = end;
  }
  return text ? [...parts, { text }] : parts;
}

function closing(message: string, open: number): number {
  let depth = 0;
  for (let at = open; at < message.length; at++) {
    depth += message[at] === '{' ? 1 : message[at] === '}' ? -1 : 0;
    if (depth === 0) {
      return at;
    }
  }
  return -1;
}
