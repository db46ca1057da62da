// The page of the view Snapshots: keeps the rows in sight as elements, moves the keyboard among them, tells the
// extension what the user asks for. Must not know sessions or snapshots beyond the rows that it is given
// (extension/timeline/messages.ts, extension/timeline/rows.ts).
import { cardOf } from './timelineCard.js';
import { actionOfKey, target } from './timelineKeys.js';
import { buildRow, densityOf } from './timelineRow.js';

const vscode = acquireVsCodeApi();
const byId = (id) => document.getElementById(id);
const [timeline, extent, empty, emptyText, emptyButton, mark, markText, history, historyText, cardElement, live] = [
  ...['timeline', 'extent', 'empty', 'empty-text', 'empty-button', 'mark', 'mark-text', 'history', 'history-text', 'card', 'live'],
].map(byId);

/** Heights of a row in pixels. */
const usualHeight = 22;
const heights = { least: 6, most: 48 };
/** Rows beyond the edges that are kept ready. */
const overscan = 8;

let rows = [];
/** The snapshot that is on screen in place of the present. */
let viewing = null;
let indexOf = new Map();
/** Elements in the page, by id of the row, each with the row that it was built of. */
const shown = new Map();
let size = { height: usualHeight, lanes: 1, distance: 14, mostBytes: 1 };
/** What outlives the page: it is thrown away when the view is hidden. */
let kept = { session: null, selected: null, scroll: 0, height: usualHeight, ...vscode.getState() };

function keep(change) {
  kept = { ...kept, ...change };
  vscode.setState(kept);
}

function send(message) {
  vscode.postMessage(message);
  if (looking.includes(message.action)) setLooks(looks + 1);
}

/** What the extension answers with `settled`, when the keyboard is back here. */
const looking = ['show', 'present', 'delete'];
let looks = 0;
function setLooks(number) {
  looks = Math.max(0, number);
  timeline.setAttribute('aria-busy', String(looks > 0));
}

const card = cardOf(cardElement, {
  ask: (id) => send({ type: 'details', id }),
  elementOf: (id) => shown.get(id)?.element,
});

// --- Rows -----------------------------------------------------------------------------------------------------------

function receiveRows({ session, keep: same, rows: more }) {
  const fresh = rows.length === 0;
  const place = indexOf.get(kept.selected);
  const focus = document.hasFocus() && timeline.contains(document.activeElement);
  rows = [...rows.slice(0, same), ...more];
  indexOf = new Map(rows.map(({ id }, index) => [id, index]));
  if (kept.session !== session) {
    // In the page's first moment there is no session yet whose places could be wrong here.
    keep({ session, selected: null, scroll: 0 });
    timeline.scrollTop = 0;
  }
  empty.hidden = true;
  timeline.hidden = false;
  measure();
  // Where the selected one is gone, what has taken its place; the keyboard goes there too.
  if (!indexOf.has(kept.selected)) select((rows[place] ?? rows.at(-1)).id, { scroll: false, focus });
  if (fresh) timeline.scrollTop = kept.scroll;
  render();
  card.refresh();
}

/** The mark is there for as long as what is on screen is not the present. */
function receiveViewing({ id }) {
  if (id === viewing) return;
  viewing = id;
  hideFoot(mark, id === null);
  markText.textContent = id === null ? '' : `Viewing snapshot ${id}`;
  // A look of the page's own: the selection may have gone on since.
  if (id !== null && indexOf.has(id) && looks === 0) select(id);
  else if (rows.length > 0) render();
}

/** What had the keyboard in a line that goes leaves it to the rows. */
function hideFoot(foot, hidden) {
  const focus = hidden && foot.contains(document.activeElement);
  foot.hidden = hidden;
  if (focus) shown.get(kept.selected)?.element.focus({ preventScroll: true });
}

function receiveEmpty({ text, button }) {
  rows = [];
  indexOf = new Map();
  for (const id of [...shown.keys()]) remove(id);
  timeline.hidden = true;
  card.hide();
  empty.hidden = false;
  emptyText.textContent = text;
  emptyButton.hidden = !button;
  emptyButton.textContent = button?.title ?? '';
  emptyButton.dataset.action = button?.action ?? '';
}

/** What all rows share. Rows of another size must be built anew. */
function measure() {
  let lanes = 1;
  let mostBytes = 1;
  for (const { graph, bytes } of rows) {
    lanes = Math.max(lanes, graph.lane + 1, ...graph.through.map(({ lane }) => lane + 1), ...graph.forks.map(({ lane }) => lane + 1));
    mostBytes = Math.max(mostBytes, bytes);
  }
  const distance = Math.max(4, Math.min(14, (timeline.clientWidth * 0.4) / lanes));
  const height = Math.max(heights.least, Math.min(heights.most, kept.height));
  const changed = lanes !== size.lanes || mostBytes !== size.mostBytes || distance !== size.distance || height !== size.height;
  size = { height, lanes, distance, mostBytes };
  if (changed) for (const entry of shown.values()) entry.row = null;
  timeline.dataset.density = densityOf(height);
  timeline.style.setProperty('--row-height', `${height}px`);
  extent.style.height = `${rows.length * height}px`;
}

/** Brings the elements in line with what is in sight. The row that the keyboard stands on always has one. */
function render() {
  const first = Math.max(0, Math.floor(timeline.scrollTop / size.height) - overscan);
  const last = Math.min(rows.length, Math.ceil((timeline.scrollTop + timeline.clientHeight) / size.height) + overscan);
  const wanted = rows.slice(first, last);
  const selected = rows[indexOf.get(kept.selected)];
  if (selected && !wanted.includes(selected)) {
    if (indexOf.get(selected.id) < first) wanted.unshift(selected);
    else wanted.push(selected);
  }
  const ids = new Set(wanted.map(({ id }) => id));
  for (const id of [...shown.keys()]) if (!ids.has(id)) remove(id);
  let previous = null;
  for (const row of wanted) {
    const element = place(row);
    const expected = previous ? previous.nextSibling : extent.firstChild;
    if (element !== expected) extent.insertBefore(element, expected);
    previous = element;
  }
}

function place(row) {
  const entry = shown.get(row.id);
  const element = entry?.row === row ? entry.element : buildRow(row, size);
  const index = indexOf.get(row.id);
  const selected = row.id === kept.selected;
  element.style.transform = `translateY(${index * size.height}px)`;
  element.setAttribute('aria-posinset', String(index + 1));
  element.setAttribute('aria-setsize', String(rows.length));
  element.setAttribute('aria-selected', String(selected));
  element.classList.toggle('viewed', row.id === viewing);
  element.tabIndex = selected ? 0 : -1;
  // Before the focus moves to it: that may come here again.
  shown.set(row.id, { row, element });
  if (entry && entry.element !== element) replace(entry.element, element);
  return element;
}

function replace(old, element) {
  const focused = old.contains(document.activeElement);
  old.replaceWith(element);
  if (focused) element.focus({ preventScroll: true });
}

function remove(id) {
  shown.get(id).element.remove();
  shown.delete(id);
}

let drawn = false;
function renderSoon() {
  if (drawn) return;
  drawn = true;
  requestAnimationFrame(() => {
    drawn = false;
    if (rows.length > 0) render();
  });
}

// --- Selection ------------------------------------------------------------------------------------------------------

function select(id, { scroll = true, focus = false } = {}) {
  keep({ selected: id });
  if (scroll) scrollTo(indexOf.get(id));
  render();
  if (focus) shown.get(id)?.element.focus({ preventScroll: true });
}

function scrollTo(index) {
  const top = index * size.height;
  const bottom = top + size.height;
  if (top < timeline.scrollTop) timeline.scrollTop = top;
  else if (bottom > timeline.scrollTop + timeline.clientHeight) timeline.scrollTop = bottom - timeline.clientHeight;
}

// --- Zoom -----------------------------------------------------------------------------------------------------------

/** The row at `y` (pixels from the top of the view) stays there. */
function zoomTo(height, y = timeline.clientHeight / 2) {
  const wanted = Math.round(Math.max(heights.least, Math.min(heights.most, height)));
  if (wanted === kept.height || rows.length === 0) return;
  const at = (timeline.scrollTop + y) / size.height;
  keep({ height: wanted });
  card.hide();
  measure();
  timeline.scrollTop = at * size.height - y;
  render();
}

function zoomBy(steps, y) {
  zoomTo(steps === 0 ? usualHeight : kept.height * 1.3 ** steps + Math.sign(steps) * 0.5, y);
}

// --- What the user does ---------------------------------------------------------------------------------------------

const rowOf = (event) => {
  const element = event.target.closest?.('.row');
  return element ? rows[indexOf.get(Number(element.dataset.id))] : undefined;
};

timeline.addEventListener('scroll', () => {
  card.hide();
  keep({ scroll: timeline.scrollTop });
  renderSoon();
});

timeline.addEventListener('click', (event) => {
  const row = rowOf(event);
  if (!row) return;
  const { action } = event.target.closest('button')?.dataset ?? {};
  card.hide();
  select(row.id, { scroll: false, focus: true });
  if (action) send({ type: 'action', action, id: row.id });
  else if (event.detail === 1) actOn(row, 'show');
});

timeline.addEventListener('dblclick', (event) => {
  const row = rowOf(event);
  if (row && !event.target.closest('button')) actOn(row, 'restore');
});

// The menu is for the row under the mouse, so that one is selected, as in VS Code's own lists.
timeline.addEventListener('contextmenu', (event) => {
  const row = rowOf(event);
  card.hide();
  if (row) select(row.id, { scroll: false, focus: true });
});

function actOn(row, action) {
  if (row.kind === 'present') {
    if (viewing !== null && (action === 'show' || action === 'restore')) send({ type: 'action', action: 'present' });
    if (action === 'compareWithSelected') send({ type: 'action', action });
    return;
  }
  send({ type: 'action', action: action === 'pin' && row.pinned ? 'unpin' : action, id: row.id });
}

timeline.addEventListener('keydown', (event) => {
  const { key, ctrlKey, altKey, metaKey, shiftKey } = event;
  if (key === 'Escape') card.hide();
  const index = indexOf.get(kept.selected);
  if (index === undefined || ctrlKey || altKey || metaKey) return;
  const page = Math.max(1, Math.floor(timeline.clientHeight / size.height) - 1);
  const to = target(key, index, { rows, indexOf, page });
  if (to !== undefined) {
    card.hide();
    if (rows[to]) select(rows[to].id, { focus: true });
  } else if (key === '+' || key === '=') zoomBy(1);
  else if (key === '-') zoomBy(-1);
  else if (key === '0') zoomBy(0);
  else if (key === 'i') card.open(kept.selected, true);
  else if (Object.hasOwn(actionOfKey, key) && !shiftKey && !event.target.closest('button')) actOn(rows[index], actionOfKey[key]);
  else return;
  event.preventDefault();
});

timeline.addEventListener('focusin', (event) => {
  const row = rowOf(event);
  if (row && row.id !== kept.selected) select(row.id, { scroll: false });
});

timeline.addEventListener('mouseover', (event) => {
  const row = rowOf(event);
  if (row) card.rest(row.id);
});
timeline.addEventListener('mouseleave', () => card.leave());

timeline.addEventListener(
  'wheel',
  (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const y = event.clientY - timeline.getBoundingClientRect().top;
    zoomTo(kept.height * Math.exp(-event.deltaY / 400) - Math.sign(event.deltaY) * 0.5, y);
  },
  { passive: false },
);

for (const button of document.querySelectorAll('main > div > button')) {
  button.addEventListener('click', () => send({ type: 'action', action: button.dataset.action }));
}

// VS Code gives the focus to the page, not to anything in it.
window.addEventListener('focus', () => {
  if (document.activeElement && document.activeElement !== document.body) return;
  if (!timeline.hidden) shown.get(kept.selected)?.element.focus({ preventScroll: true });
  else if (!emptyButton.hidden) emptyButton.focus();
});

new ResizeObserver(() => {
  if (rows.length === 0 || timeline.clientHeight === 0) return;
  measure();
  render();
}).observe(timeline);

window.addEventListener('message', ({ data }) => {
  switch (data.type) {
    case 'rows':
      return receiveRows(data);
    case 'empty':
      return receiveEmpty(data);
    case 'viewing':
      return receiveViewing(data);
    case 'settled':
      // VS Code may have stopped half-way: at the frame around this page.
      if (data.keyboard && !document.hasFocus()) window.focus();
      return setLooks(looks - 1);
    case 'history':
      hideFoot(history, data.text === null);
      historyText.textContent = data.text ?? '';
      return undefined;
    case 'reveal':
      return indexOf.has(data.id) ? select(data.id) : undefined;
    case 'details':
      return card.show(data);
    case 'zoom':
      return zoomBy(data.steps);
    case 'announce':
      live.textContent = data.text;
      return undefined;
    default:
      return undefined;
  }
});

send({ type: 'ready' });
