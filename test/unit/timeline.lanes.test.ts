// Lanes of the timeline: columns, lines that pass, branches that leave, the way to the current snapshot.
import { expect } from 'chai';
import { assignLanes, laneCount, type LaneRow, type Point } from '../../extension/timeline/lanes';

/** Point n has the n-th parent. */
function points(parents: (number | null)[]): Point[] {
  return parents.map((parent, index) => ({ id: index + 1, parent }));
}

/** Columns as text: `o` the point, `|` a line that passes, `.` nothing; after it the lanes that branches leave for. */
function drawing(parents: (number | null)[]): string[] {
  const rows = assignLanes(points(parents), null);
  const width = laneCount(rows);
  return rows.map(({ lane, through, forks }) => {
    const cells = Array.from({ length: width }, (_, column) => {
      if (column === lane) return 'o';
      return through.some((strand) => strand.lane === column) ? '|' : '.';
    });
    return [cells.join(''), ...forks.map((fork) => `>${fork.lane}`)].join(' ');
  });
}

/** Nothing may stand on, or pass through, what belongs to another line. */
function expectNoCollision(rows: readonly LaneRow[]): void {
  rows.forEach(({ lane, through, forks }, row) => {
    const lanes = [lane, ...through.map((strand) => strand.lane)];
    expect(new Set(lanes).size, `row ${row} passes each lane once`).to.equal(lanes.length);
    for (const fork of forks) expect(lanes, `row ${row} leaves for a free lane`).to.not.include(fork.lane);
  });
}

describe('lanes of the timeline', () => {
  it('has none without points', () => {
    expect(assignLanes([], null)).to.deep.equal([]);
    expect(laneCount([])).to.equal(0);
  });

  it('keeps a straight line in one', () => {
    expect(drawing([null, 1, 2, 3])).to.deep.equal(['o', 'o', 'o', 'o']);
    const [first, second, last] = assignLanes(points([null, 1, 2]), null);
    expect([first?.up, first?.down, second?.up, second?.down, last?.up, last?.down]).to.deep.equal([
      false,
      true,
      true,
      true,
      true,
      false,
    ]);
  });

  it('puts a branch beside the line that it leaves', () => {
    // 4 is the present that a restore of 2 kept; 5 and 6 came after it.
    expect(drawing([null, 1, 2, 3, 2, 5])).to.deep.equal(['o.', 'o. >1', 'o|', 'o|', '.o', '.o']);
  });

  it('goes on in an older lane when the program goes on from its end', () => {
    expect(drawing([null, 1, 1, 3, 2])).to.deep.equal(['o. >1', 'o|', '|o', '|o', 'o.']);
  });

  it('uses a lane again once the line in it has ended', () => {
    // From 1 leaves 3-4; from 4, when the first line is long over, leaves 6 while 5 goes on.
    expect(drawing([null, 1, 1, 3, 4, 4])).to.deep.equal(['o. >1', 'o|', '.o', '.o >0', '|o', 'o.']);
  });

  it('gives every branch of one point a lane of its own', () => {
    expect(drawing([null, 1, 1, 1])).to.deep.equal(['o.. >1 >2', 'o||', '.o|', '..o']);
  });

  it('starts anew where a parent is gone or comes later', () => {
    expect(drawing([null, 9, 2])).to.deep.equal(['o', 'o', 'o']);
    expect(drawing([2, null])).to.deep.equal(['o', 'o']);
  });

  it('counts how deep a branch is', () => {
    expect(assignLanes(points([null, 1, 1, 3, 3]), null).map(({ depth }) => depth)).to.deep.equal([0, 0, 1, 1, 2]);
  });

  it('shows the way to the marked one', () => {
    const rows = assignLanes(points([null, 1, 2, 2, 4]), 5);
    expect(rows.map(({ path }) => path)).to.deep.equal([
      { up: false, down: 0, through: null },
      { up: true, down: 1, through: null },
      { up: false, down: null, through: 1 },
      { up: true, down: 1, through: null },
      { up: true, down: null, through: null },
    ]);
    expect(assignLanes(points([null]), 7)[0]?.path).to.deep.equal({ up: false, down: null, through: null });
  });

  it('never lets two lines meet', () => {
    let seed = 4;
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % below;
    };
    for (let round = 0; round < 50; round += 1) {
      let previous = 1;
      const parents: (number | null)[] = [null];
      for (let id = 2; id <= 120; id += 1) {
        parents.push(random(5) === 0 ? 1 + random(id - 1) : previous);
        previous = id;
      }
      expectNoCollision(assignLanes(points(parents), 120));
    }
  });

  it('places thousands', () => {
    const rows = assignLanes(points(Array.from({ length: 5000 }, (_, index) => index || null)), 5000);
    expect(rows).to.have.length(5000);
    expect(laneCount(rows)).to.equal(1);
  });
});
