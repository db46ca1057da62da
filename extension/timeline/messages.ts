// What the timeline's page and the extension say to each other.
// Types only; media/timeline.js is the other end.

import type { RowDetails, TimelineRow } from './rows';

/** What a row, or an empty view, can ask for. */
export type PageAction = 'present' | 'goOn' | 'closeHistory' | 'restore' | 'rename' | 'pin' | 'unpin' | 'delete' | 'compare' | 'selectForCompare' | 'compareWithSelected' | 'branch' | 'show' | 'take' | 'start';

export type FromPage =
  /** The page is there and shows nothing yet. */
  | { type: 'ready' }
  | { type: 'action'; action: PageAction; id?: number }
  /** The mouse rests on this row, or a key asks. */
  | { type: 'details'; id: number };

export type ToPage =
  /** Of the rows that the page has, the first `keep` stay; `rows` follow them. `session`: whose they are. */
  | { type: 'rows'; session: string; keep: number; rows: TimelineRow[] }
  | { type: 'empty'; text: string; button: { title: string; action: PageAction } | null }
  /** The snapshot that is on screen in place of the present; null: none. */
  | { type: 'viewing'; id: number | null }
  /** A look that the page asked for is over: the moment is on screen. `keyboard`: it was away, and belongs to the page. */
  | { type: 'settled'; keyboard: boolean }
  /** What the rows show beside their labels is the history of a value, with these words; null: they are themselves. */
  | { type: 'history'; text: string | null }
  | { type: 'reveal'; id: number }
  | { type: 'details'; id: number; details: RowDetails }
  /** Steps of zoom, negative for out; 0 for the usual size. */
  | { type: 'zoom'; steps: number }
  /** To be said by a screen reader. */
  | { type: 'announce'; text: string };
