// The history of a value as the timeline shows it.
import { expect } from 'chai';
import type { HistoryPoint } from '../../adapter/protocol';
import { historyText, shownValues } from '../../extension/timeline/history';

function points(...values: (string | null)[]): HistoryPoint[] {
  return values.map((value, index) => ({
    id: index + 1,
    value,
    type: 'int',
    changed: index > 0 && value !== values[index - 1],
    ...(value === null ? { message: 'Not there yet.' } : {}),
  }));
}

const shares = (...values: (string | null)[]): (number | null)[] => [...shownValues(points(...values)).values()].map(({ share }) => share);

describe('the history of a value', () => {
  it('places numbers between the least and the greatest', () => {
    expect(shares('10', '20', '15')).to.deep.equal([0, 1, 0.5]);
    expect(shares('-1', '1')).to.deep.equal([0, 1]);
    expect(shares("97 'a'", "99 'c'", '98')).to.deep.equal([0, 1, 0.5]);
    expect(shares('0x10', '0x20')).to.deep.equal([0, 1]);
    expect(shares('1.5e3', '500')).to.deep.equal([1, 0]);
    expect(shares('7', '7')).to.deep.equal([1, 1]);
  });

  it('plots nothing that is no number', () => {
    expect(shares('{...}', '"10"', null, '10 apples')).to.deep.equal([null, null, null, 1]);
    expect(shares('nan', '1/2')).to.deep.equal([null, null]);
  });

  it('says the value, or why there is none, and whether it changed', () => {
    const shown = shownValues(points(null, '5', '5'));
    expect([...shown.values()].map(({ text, changed }) => [text, changed])).to.deep.equal([
      ['Not there yet.', false],
      ['5', true],
      ['5', false],
    ]);
  });

  it('says in which thread, where there are several', () => {
    const inThreads = (...ids: number[]) => points('5', '7').map((point, index) => ({ ...point, threadId: ids[index]! }));
    const texts = (...ids: number[]) => [...shownValues(inThreads(...ids)).values()].map(({ text }) => text);
    expect(texts(2, 3)).to.deep.equal(['5 in thread 2', '7 in thread 3']);
    expect(texts(2, 2)).to.deep.equal(['5', '7']);
  });

  it('counts the changes', () => {
    expect(historyText({ expression: 'x', points: points('1', '1') })).to.equal('History of x: no change');
    expect(historyText({ expression: 'x', points: points('1', '2') })).to.equal('History of x: 1 change');
    expect(historyText({ expression: 'x', points: points('1', '2', '3') })).to.equal('History of x: 2 changes');
  });
});
