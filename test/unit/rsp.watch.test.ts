// Watched regions cut into pieces for debug registers, and pieces that several regions share.
import { expect } from 'chai';
import { piecesOf, WatchRegions } from '../../adapter/core/watchRegions';

const text = (pieces: { address: bigint; length: number }[]): string => pieces.map((piece) => `${piece.address}+${piece.length}`).join(' ');

describe('watched regions', () => {
  it('are cut into aligned pieces of 1, 2, 4 or 8 bytes', () => {
    expect(text(piecesOf('write', 16n, 8))).to.equal('16+8');
    expect(text(piecesOf('write', 16n, 16))).to.equal('16+8 24+8');
    expect(text(piecesOf('write', 17n, 8))).to.equal('17+1 18+2 20+4 24+1');
    expect(text(piecesOf('access', 20n, 16))).to.equal('20+4 24+8 32+4');
    expect(text(piecesOf('write', 19n, 1))).to.equal('19+1');
  });

  it('free a piece when its last user goes', () => {
    const regions = new WatchRegions();
    expect(text(regions.add('write', 0n, 8))).to.equal('0+8');
    expect(text(regions.add('write', 0n, 16))).to.equal('8+8');
    expect(text(regions.add('access', 0n, 8))).to.equal('0+8');
    expect(text(regions.remove('write', 0n, 8))).to.equal('');
    expect(text(regions.remove('write', 0n, 16))).to.equal('0+8 8+8');
    expect(text(regions.remove('write', 0n, 16))).to.equal('');
    expect(text(regions.remove('access', 0n, 8))).to.equal('0+8');
  });
});
