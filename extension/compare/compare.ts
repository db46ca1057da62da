// Comparing two moments: what the commands do, and what a comparison on screen leads to.
// Must not know how the adapter compares, nor how the texts read.

import * as vscode from 'vscode';
import type { Comparison, Moment, RegionChange, SnapshotId } from '../../adapter/protocol';
import { commandIds, contextKeys } from '../contributions';
import { selectedFrame } from '../expression';
import { command } from '../notify';
import { withProgress } from '../progress';
import type { SessionTracker, TrackedSession } from '../sessionTracker';
import { compareSnapshots, readSnapshotMemory } from '../snapshotClient';
import { formatTime, placeOf, reasonOf } from '../snapshotText';
import { pickMoment, type Subject, subjectOf } from '../subject';
import { changedRows, hexLines, type ReadBoth, type Row } from './bytes';
import { comparisonTexts, isEmpty, regionName, regionSize, type Side } from './comparisonText';
import { DiffDocuments, type Link } from './documents';

/** Rows of bytes below a region in the comparison itself; regions that have them; rows of a page. */
const previewRows = 4;
const previewRegions = 16;
const pageRows = 1024;

/** What a diff editor of ours shows. */
interface OnScreen {
  session: vscode.DebugSession;
  moments: readonly [Moment, Moment];
  /** Of the present: it is what it was then as long as the session counts no more moves. */
  moves: number;
  regions: readonly RegionChange[];
  /** In a comparison, lines that belong to a region, by its index. */
  lines: ReadonlyMap<number, number>;
  /** On a page of bytes: where the next one begins. */
  more?: { region: number; next: bigint | null };
}

export class Comparing implements vscode.Disposable {
  private readonly documents = new DiffDocuments<OnScreen>();
  private readonly disposables: vscode.Disposable[];
  private selected: { session: string; id: SnapshotId } | undefined;

  constructor(private readonly tracker: SessionTracker) {
    this.disposables = [
      this.documents,
      command(commandIds.compareSnapshots, () => this.askAndCompare()),
      command(commandIds.compareWithPresent, async (given?: Subject) => {
        const snapshot = await subjectOf(this.stopped(), given, 'Compare with present');
        if (snapshot) await this.compare(snapshot.id, null);
      }),
      command(commandIds.selectForCompare, async (given?: Subject) => this.select(given)),
      command(commandIds.compareWithSelected, async (given?: Subject) => {
        const target = this.stopped();
        const selected = this.selected?.session === target.session.id ? this.selected.id : undefined;
        if (selected === undefined) throw new Error('Select a snapshot for compare first, in its menu on the timeline.');
        const id = typeof given === 'object' ? given.snapshotId : given;
        await this.compare(selected, id ?? null);
      }),
      command(commandIds.showBytes, async (region?: number, start?: string) => this.showBytes(region, start)),
      tracker.onDidChange(() => this.showSelection()),
    ];
  }

  dispose(): void {
    vscode.Disposable.from(...this.disposables).dispose();
  }

  /** Shows what differs, or says that nothing does. */
  async compare(from: Moment, to: Moment): Promise<void> {
    const target = this.stopped();
    const { session, watches, moves } = target;
    const moments = [settled(target, from), settled(target, to)] as const;
    const frameId = selectedFrame(session);
    const sides = [sideOf(target, from), sideOf(target, to)] as const;
    const title = `${sides[0].name} ↔ ${sides[1].name}`;
    await withProgress(`Comparing ${title}`, (async () => {
      const comparison = await compareSnapshots(session, {
        from,
        to,
        watches: [...watches],
        ...(frameId === undefined ? {} : { frameId }),
      });
      if (isEmpty(comparison)) {
        void vscode.window.showInformationMessage(`${sides[0].name} and ${sides[1].name} do not differ.`);
        return;
      }
      const read = readerOf(session, moments);
      const texts = comparisonTexts(comparison, sides, await previews(comparison, read));
      const about: OnScreen = { session, moments, moves, regions: comparison.regions, lines: texts.regionLines };
      const links = [...firstLines(texts.regionLines)].map(([line, region]) => linkTo('Show bytes', line, region));
      await this.documents.show(title, [[sides[0].name, texts.from], [sides[1].name, texts.to]], about, links);
    })());
  }

  private async askAndCompare(): Promise<void> {
    const target = this.stopped();
    const from = await pickMoment(target, 'Compare: first snapshot', () => true);
    if (from === undefined) return;
    const to = await pickMoment(target, 'Compare: with which one', (moment) => moment !== from);
    if (to !== undefined) await this.compare(from, to);
  }

  private async select(given: Subject): Promise<void> {
    const target = this.stopped();
    const snapshot = await subjectOf(target, given, 'Select for compare');
    if (!snapshot) return;
    this.selected = { session: target.session.id, id: snapshot.id };
    this.showSelection();
    void vscode.window.setStatusBarMessage(`Snapshot ${snapshot.id} is selected for compare.`, 4000);
  }

  private showSelection(): void {
    const { selected } = this;
    const current = this.tracker.current;
    const there = selected !== undefined && current?.session.id === selected.session && current.list.snapshots.some(({ id }) => id === selected.id);
    if (selected && !there && current?.session.id === selected.session) this.selected = undefined;
    this.tracker.setContext(contextKeys.selectedForCompare, there);
  }

  /** Of the region that is given, of that which the keyboard stands on, else of one from a list; then page by page. */
  private async showBytes(given?: unknown, start?: unknown): Promise<void> {
    const shown = this.documents.shown;
    if (!shown) throw new Error('Compare two snapshots first: their bytes are shown from there.');
    const { about, line } = shown;
    this.requireThere(about);
    if (about.more && typeof given !== 'number') {
      if (about.more.next === null) throw new Error('These are all the bytes that differ here.');
      await this.showPage(about, about.more.region, about.more.next);
      return;
    }
    const index = typeof given === 'number' ? given : await chooseRegion(about, line);
    if (index !== undefined) await this.showPage(about, index, BigInt(typeof start === 'string' ? start : 0));
  }

  private async showPage(about: OnScreen, index: number, start: bigint): Promise<void> {
    const region = about.regions[index];
    if (!region) return;
    const { rows, next } = await withProgress(
      `Reading ${regionName(region)}`,
      changedRows(region, start, pageRows, readerOf(about.session, about.moments)),
    );
    if (rows.length === 0 && next === null) throw new Error('No more bytes differ here.');
    const names = about.moments.map(nameOf);
    const [from, to] = (['from', 'to'] as const).map((side) => [regionName(region), ...hexLines(rows, side), ...(next === null ? [] : ['Show more bytes'])]) as [string[], string[]];
    const links = next === null ? [] : [linkTo('Show more bytes', from.length - 1, index, next)];
    const page: OnScreen = { ...about, lines: new Map(), more: { region: index, next } };
    const title = `${names.join(' ↔ ')}: ${region.name || region.start}${start > 0n ? ` from 0x${start.toString(16)}` : ''}`;
    await this.documents.show(title, [[`${names[0]} bytes`, `${from.join('\n')}\n`], [`${names[1]} bytes`, `${to.join('\n')}\n`]], page, links);
  }

  private requireThere({ session, moments, moves }: OnScreen): void {
    const state = this.tracker.of(session);
    if (!state) throw new Error('The session of this comparison has ended.');
    if (!state.stopped) throw new Error('The program is running: pause it first, then bytes can be read.');
    if (moments.includes(null) && state.moves !== moves) {
      throw new Error('The program has moved on since this comparison. Compare again.');
    }
  }

  private stopped(): TrackedSession {
    return this.tracker.requireStopped('its snapshots can be compared');
  }
}

/** A snapshot where the present is one: that does not move. */
function settled({ list, moved }: TrackedSession, moment: Moment): Moment {
  return moment === null && !moved ? list.current : moment;
}

function nameOf(moment: Moment): string {
  return moment === null ? 'Present' : `Snapshot ${moment}`;
}

function sideOf({ list, moved }: TrackedSession, moment: Moment): Side {
  const id = moment ?? (moved ? null : list.current);
  const snapshot = list.snapshots.find((candidate) => candidate.id === id);
  const facts = snapshot ? [moment === null ? `snapshot ${id}` : null, snapshot.label, placeOf(snapshot), reasonOf(snapshot), formatTime(snapshot.createdAt)] : [];
  return { name: nameOf(moment), details: facts.filter((fact) => fact !== null).join(', ') };
}

function readerOf(session: vscode.DebugSession, moments: readonly [Moment, Moment]): ReadBoth {
  const read = async (id: Moment, address: bigint, count: number): Promise<Uint8Array> => {
    const { data } = await readSnapshotMemory(session, { id, address: `0x${address.toString(16)}`, count });
    return Buffer.from(data, 'base64');
  };
  return async (address, count) => Promise.all([read(moments[0], address, count), read(moments[1], address, count)]);
}

async function previews({ regions }: Comparison, read: ReadBoth): Promise<Map<number, Row[]>> {
  const changed = regions.flatMap((region, index) => (region.change === 'changed' ? [{ region, index }] : [])).slice(0, previewRegions);
  const result = new Map<number, Row[]>();
  for (const { region, index } of changed) result.set(index, (await changedRows(region, 0n, previewRows, read)).rows);
  return result;
}

async function chooseRegion({ regions, lines }: OnScreen, line: number | undefined): Promise<number | undefined> {
  const here = line === undefined ? undefined : lines.get(line);
  if (here !== undefined) return here;
  const items = regions.flatMap((region, index) =>
    region.change === 'changed' ? [{ label: region.name || region.start, description: regionSize(region), detail: `${region.start}-${region.end}`, index }] : [],
  );
  if (items.length === 0) throw new Error('No bytes differ.');
  if (items.length === 1) return items[0]?.index;
  return (await vscode.window.showQuickPick(items, { title: 'Show bytes', placeHolder: 'Memory', matchOnDetail: true }))?.index;
}

function* firstLines(lines: ReadonlyMap<number, number>): Iterable<[line: number, region: number]> {
  const seen = new Set<number>();
  for (const [line, region] of lines) {
    if (seen.has(region)) continue;
    seen.add(region);
    yield [line, region];
  }
}

function linkTo(tooltip: string, line: number, region: number, start?: bigint): Link {
  const args = encodeURIComponent(JSON.stringify([region, ...(start === undefined ? [] : [start.toString()])]));
  return { line, tooltip, command: vscode.Uri.parse(`command:${commandIds.showBytes}?${args}`) };
}
