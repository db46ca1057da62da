// Lanes of the timeline: which column each snapshot stands in, and which lines pass each row, as in a commit graph.
// Pure: values in, values out; must not know what a snapshot holds, nor how a line is drawn.

/** What a row is about. Rows come in the order of time; a parent that is not among them counts as none. */
export interface Point {
  id: number;
  parent: number | null;
}

/** A piece of a line in one row: the column, and which line it belongs to (for its colour). */
export interface Strand {
  lane: number;
  line: number;
}

export interface LaneRow extends Strand {
  /** How many branches lie between the first line and this one: 0 on a first line. */
  depth: number;
  /** First point of a branch. */
  branch: boolean;
  /** A line comes into the point from above, or leaves it downwards in its own lane. */
  up: boolean;
  down: boolean;
  /** Lines of others that cross the row from top to bottom. */
  through: Strand[];
  /** Branches that leave the point for another lane. */
  forks: Strand[];
  /** The way from the first snapshot to the marked one: comes in from above; leaves into or passes in this lane. */
  path: { up: boolean; down: number | null; through: number | null };
}

interface Line {
  parentRow: number | null;
  first: number;
  last: number;
  lane: number;
  depth: number;
}

/**
 * The oldest child goes on in the lane of its parent; each younger one begins a branch, in the first lane that is free
 * from the parent down to the branch's end. `marked`: the point whose way from the beginning is told.
 */
export function assignLanes(points: readonly Point[], marked: number | null): LaneRow[] {
  const rowOf = new Map(points.map(({ id }, row) => [id, row]));
  const parentRows = points.map(({ parent }, row) => {
    const above = parent === null ? undefined : rowOf.get(parent);
    return above !== undefined && above < row ? above : null;
  });
  const { lines, lineOf } = findLines(parentRows);
  placeLines(lines);
  const rows = points.map((_, row): LaneRow => {
    const line = lineOf[row] as number;
    const { lane, depth, first } = lines[line] as Line;
    const path = { up: false, down: null, through: null };
    return { lane, line, depth, branch: depth > 0 && first === row, up: false, down: false, through: [], forks: [], path };
  });
  drawEdges(rows, parentRows);
  const target = marked === null ? undefined : rowOf.get(marked);
  if (target !== undefined) drawPath(rows, parentRows, target);
  return rows;
}

export function laneCount(rows: readonly LaneRow[]): number {
  let highest = -1;
  for (const { lane, through, forks } of rows) {
    for (const strand of [{ lane }, ...through, ...forks]) highest = Math.max(highest, strand.lane);
  }
  return highest + 1;
}

function findLines(parentRows: readonly (number | null)[]): { lines: Line[]; lineOf: number[] } {
  const lines: Line[] = [];
  const lineOf: number[] = [];
  const continued = new Set<number>();
  parentRows.forEach((parentRow, row) => {
    if (parentRow !== null && !continued.has(parentRow)) {
      continued.add(parentRow);
      const line = lineOf[parentRow] as number;
      (lines[line] as Line).last = row;
      lineOf.push(line);
      return;
    }
    const depth = parentRow === null ? 0 : (lines[lineOf[parentRow] as number] as Line).depth + 1;
    lineOf.push(lines.length);
    lines.push({ parentRow, first: row, last: row, lane: 0, depth });
  });
  return { lines, lineOf };
}

function placeLines(lines: readonly Line[]): void {
  const start = ({ parentRow, first }: Line): number => parentRow ?? first;
  /** The row down to which each lane is taken. */
  const takenTo: number[] = [];
  for (const line of [...lines].sort((a, b) => start(a) - start(b) || a.first - b.first)) {
    const free = takenTo.findIndex((row) => row < start(line));
    line.lane = free < 0 ? takenTo.length : free;
    takenTo[line.lane] = line.last;
  }
}

function drawEdges(rows: readonly LaneRow[], parentRows: readonly (number | null)[]): void {
  rows.forEach((child, row) => {
    const from = parentRows[row] ?? null;
    if (from === null) return;
    const strand = { lane: child.lane, line: child.line };
    const parent = rows[from] as LaneRow;
    child.up = true;
    if (parent.lane === child.lane) parent.down = true;
    else parent.forks.push(strand);
    for (let between = from + 1; between < row; between += 1) (rows[between] as LaneRow).through.push(strand);
  });
}

function drawPath(rows: readonly LaneRow[], parentRows: readonly (number | null)[], target: number): void {
  for (let row = target, from = parentRows[row] ?? null; from !== null; row = from, from = parentRows[row] ?? null) {
    const { lane, path } = rows[row] as LaneRow;
    path.up = true;
    (rows[from] as LaneRow).path.down = lane;
    for (let between = from + 1; between < row; between += 1) (rows[between] as LaneRow).path.through = lane;
  }
}
