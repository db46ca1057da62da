// A comparison as two texts for the diff editor: alike line by line, but for what differs.
// Pure: values in, values out; must not know VS Code.

import type { Comparison, FileChange, RegionChange, SnapshotLocation, ThreadChange, VariableChange } from '../../adapter/protocol';
import { count, formatBytes, positionOf } from '../snapshotText';
import { hexLines, type Row } from './bytes';

/** A side of the comparison: its name, and more about it in a line. */
export interface Side {
  name: string;
  details: string;
}

export interface ComparisonTexts {
  from: string;
  to: string;
  /** Lines (from 0) that tell of memory, with the index of their region. */
  regionLines: ReadonlyMap<number, number>;
}

type Pair = readonly [from: string, to: string];

/** `previews`: the first rows that differ, for regions by their index. */
export function comparisonTexts(comparison: Comparison, sides: readonly [Side, Side], previews: ReadonlyMap<number, readonly Row[]>): ComparisonTexts {
  const lines: Pair[] = [both((side) => `${side.name}${side.details ? `: ${side.details}` : ''}`, sides)];
  const regionLines = new Map<number, number>();
  const section = (title: string, pairs: readonly Pair[]): void => {
    if (pairs.length > 0) lines.push(['', ''], [title, title], ...pairs);
  };
  const { variables, threads, descriptors, files, regions } = comparison;
  section('Variables', localLines(variables.filter(({ scope }) => scope === 'local')));
  section('Globals', variables.filter(({ scope }) => scope === 'global').map((change) => variable(change, '  ')));
  section('Watch', variables.filter(({ scope }) => scope === 'watch').map((change) => variable(change, '  ')));
  section('Threads', threads.map(thread));
  section('Files', files.map(file));
  section('Descriptors', descriptors.map(({ descriptor, from, to }) => pair(`  ${descriptor}: `, from ?? '(closed)', to ?? '(closed)')));
  section('Mappings', regions.filter(({ change }) => change !== 'changed').map(mapping));
  const changed = regions.flatMap((region, index) => (region.change === 'changed' ? [{ region, index }] : []));
  if (changed.length > 0) lines.push(['', ''], ['Memory', 'Memory']);
  for (const { region, index } of changed) {
    const rows = previews.get(index) ?? [];
    const told = [memory(region), ...hexPairs(rows)];
    for (const offset of told.keys()) regionLines.set(lines.length + offset, index);
    lines.push(...told);
  }
  return { from: text(lines, 0), to: text(lines, 1), regionLines };
}

/** Nothing differs that a comparison looks at. */
export function isEmpty({ variables, regions, threads, descriptors, files }: Comparison): boolean {
  return [variables, regions, threads, descriptors, files].every((changes) => changes.length === 0);
}

/** `[heap], 0x1000-0x2000, rw-p`. */
export function regionName({ start, end, name, protection }: RegionChange): string {
  return [name || 'memory without a name', `${start}-${end}`, protection.to ?? protection.from].join(', ');
}

export function regionSize({ changedBytes, changedPages, truncated }: RegionChange): string {
  return `${truncated ? 'more than ' : ''}${count(changedBytes, 'byte')} in ${count(changedPages, 'page')}`;
}

function localLines(changes: readonly VariableChange[]): Pair[] {
  const frames = new Map<string, { head: Pair; inside: VariableChange[] }>();
  for (const change of changes) {
    const { tid, fromTid, threadId = tid, fromThreadId = fromTid ?? threadId } = change;
    const head = pair(`  ${change.function ?? '??'}, thread `, String(fromThreadId ?? '?'), String(threadId ?? '?'));
    const frame = frames.get(head.join()) ?? { head, inside: [] };
    frame.inside.push(change);
    frames.set(head.join(), frame);
  }
  return [...frames.values()].flatMap(({ head, inside }) => [head, ...inside.map((change) => variable(change, '    '))]);
}

function variable({ name, type, from, to }: VariableChange, indent: string): Pair {
  const oneLine = (value: string | null): string => value?.replace(/\s*\n\s*/g, ' ') ?? '(not there)';
  return pair(`${indent}${name}${type ? `: ${type}` : ''} = `, oneLine(from), oneLine(to), ' (other contents)');
}

function thread({ tid, name, from, to, change }: ThreadChange): Pair {
  const place = (location: SnapshotLocation | null, there: boolean): string => {
    if (!there) return '(not there)';
    if (!location) return 'somewhere';
    const position = positionOf(location);
    return position ? `${location.name}  ${position}` : location.name;
  };
  return pair(`  ${name} (${tid}): `, place(from, change !== 'added'), place(to, change !== 'removed'), ', at another instruction');
}

function file({ path, from, to, change }: FileChange): Pair {
  const size = (bytes: number | null, there: boolean): string =>
    !there ? '(not there)' : bytes === null ? 'of unknown size' : `${formatBytes(bytes)}${bytes < 1024 ? '' : ` (${bytes} bytes)`}`;
  return pair(`  ${path}: `, size(from, change !== 'created'), size(to, change !== 'removed'), ', other contents');
}

function mapping({ start, end, name, protection: { from, to } }: RegionChange): Pair {
  return pair(`  ${start}-${end}${name ? ` ${name}` : ''}: `, from ?? '(not mapped)', to ?? '(not mapped)', ', another one');
}

function memory(region: RegionChange): Pair {
  const line = `  ${regionName(region)}: ${regionSize(region)}`;
  return [line, line];
}

function hexPairs(rows: readonly Row[]): Pair[] {
  const after = hexLines(rows, 'to');
  return hexLines(rows, 'from').map((line, index) => [`    ${line}`, `    ${after[index] ?? ''}`]);
}

/** `otherwise`: what is said on the second side where both read alike. */
function pair(head: string, from: string, to: string, otherwise = ''): Pair {
  return [head + from, from === to ? head + to + otherwise : head + to];
}

function both(lineOf: (side: Side) => string, [from, to]: readonly [Side, Side]): Pair {
  return [lineOf(from), lineOf(to)];
}

function text(lines: readonly Pair[], side: 0 | 1): string {
  return `${lines.map((line) => line[side]).join('\n')}\n`;
}
