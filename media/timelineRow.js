// One row of the timeline as elements: its piece of the graph, its icon, its texts, its buttons.
// Must know neither the other rows nor VS Code: what a row is comes in, elements go out.

const svgNamespace = 'http://www.w3.org/2000/svg';
/** Colours of lines, one after the other; see .line-0 and so on in timeline.css. */
const lineColours = 6;

/** Icons of our own, on a grid of 16 by 16. */
const icons = {
  breakpoint: ['M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z'],
  step: ['M8 11.2a1.9 1.9 0 1 0 0 3.8 1.9 1.9 0 0 0 0-3.8z', 'M2.2 9.2A6 6 0 0 1 12.9 6l.1-3 1.3 0V8.4H9l0-1.3h2.9A4.7 4.7 0 0 0 3.5 9.4z'],
  exception: ['M9.6 1 3 9h3.8L5.9 15 13 6.6H8.9z'],
  manual: ['M5.6 3 4.7 4.6H2A1 1 0 0 0 1 5.6v6.6a1 1 0 0 0 1 1h12a1 1 0 0 0 1-1V5.6a1 1 0 0 0-1-1h-2.7L10.4 3zM8 6.2a2.7 2.7 0 1 1 0 5.4 2.7 2.7 0 0 1 0-5.4z'],
  restore: ['M3.2 2.5v2.6A6 6 0 1 1 2 8.6h1.3A4.7 4.7 0 1 0 4.4 5.7h2.4V7H2V2.5z', 'M7.5 5.4h1.2v2.8l2 1.3-.6 1-2.6-1.6z'],
  entry: ['M4 2.5 13 8l-9 5.5z'],
  pause: ['M4 3h2.6v10H4zM9.4 3H12v10H9.4z'],
  exit: ['M2.5 2H9v1.3H3.8v9.4H9V14H2.5z', 'M10.6 4.6 14 8l-3.4 3.4-.9-.9 1.8-1.9H6V7.4h5.5L9.7 5.5z'],
  present: ['M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zm0 1.3a4.2 4.2 0 1 1 0 8.4 4.2 4.2 0 0 1 0-8.4z', 'M8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z'],
  pin: ['M10 1.6 14.4 6l-1 1-.8-.2-2.5 2.5.2 2.4-1 1-2.9-2.9L2.6 14l-.7.1.1-.7L6.2 9.6 3.3 6.7l1-1 2.4.2 2.5-2.5-.2-.8z'],
  warning: ['M8 1.8 15 14H1zM7.3 6.2v4h1.4v-4zm0 5.1v1.3h1.4v-1.3z'],
  undo: ['M2.6 2.6v3h.1A6 6 0 1 1 2 8.9h1.4a4.6 4.6 0 1 0 .6-2.3H7V8H1.3V2.6z'],
  trash: ['M6 1.5h4v1.3h3.7v1.3h-11V2.8H6zM3.8 5.2h8.4l-.6 9.3H4.4zm1.4 1.3.4 6.7h4.8l.4-6.7z'],
};

/** Row heights (pixels) from which on texts, and a second line of them, are shown. */
export const densities = { line: 15, full: 34 };

export function densityOf(height) {
  return height >= densities.full ? 'full' : height >= densities.line ? 'line' : 'overview';
}

/**
 * `size`: height of the row and distance of the lanes in pixels, number of lanes, most bytes that a row of the timeline
 * adds. The row stands where its `--index` says.
 */
export function buildRow(row, size) {
  const element = document.createElement('div');
  element.className = 'row';
  element.id = `row-${row.id}`;
  element.dataset.id = String(row.id);
  element.setAttribute('role', 'treeitem');
  element.setAttribute('aria-level', String(row.graph.depth + 1));
  element.setAttribute('aria-label', row.spoken);
  if (row.current) element.setAttribute('aria-current', 'true');
  element.classList.toggle('current', row.current);
  element.classList.toggle('named', row.named);
  element.classList.toggle('valued', row.value !== null);
  element.classList.toggle('changed', row.value?.changed ?? false);
  element.classList.toggle('present', row.kind === 'present');
  element.dataset.vscodeContext = JSON.stringify(
    row.kind === 'present'
      ? { webviewSection: 'present' }
      : { webviewSection: 'snapshot', snapshotId: row.id, snapshotPinned: row.pinned },
  );
  element.append(drawGraph(row, size));
  if (densityOf(size.height) === 'overview') {
    element.append(bar(row, size.mostBytes));
    return element;
  }
  element.append(icon(row.kind, `reason ${row.kind}`), texts(row));
  if (row.warnings.length > 0) element.append(badge('warning', row.warnings.length));
  if (row.pinned) element.append(badge('pin'));
  if (row.kind !== 'present') element.append(painted('time', row.time), bar(row, size.mostBytes), painted('added', row.added));
  element.append(buttons(row));
  return element;
}

export function icon(name, className = '') {
  const svg = drawing('svg', { viewBox: '0 0 16 16', class: `icon ${className}`, 'aria-hidden': 'true' });
  for (const d of icons[name] ?? icons.present) svg.append(drawing('path', { d, 'fill-rule': 'evenodd' }));
  return svg;
}

function texts(row) {
  const box = document.createElement('div');
  box.className = 'texts';
  box.append(span('label', row.label), painted('description', row.description));
  return box;
}

function badge(name, number) {
  const box = painted(`badge ${name}`, number > 1 ? String(number) : '');
  box.append(icon(name));
  return box;
}

/** By area, not by length, one megabyte would leave nothing to see of a kilobyte: the square root keeps both. */
function bar({ bytes, value }, mostBytes) {
  const box = span('bar', '');
  const filled = span('filled', '');
  const share = value ? value.share : bytes > 0 ? Math.sqrt(bytes / Math.max(1, mostBytes)) : null;
  filled.style.width = share === null ? '0' : `${Math.max(4, 100 * share)}%`;
  box.append(filled);
  return box;
}

/** For the mouse; by keyboard each has a key. */
function buttons(row) {
  const box = document.createElement('div');
  box.className = 'buttons';
  if (row.kind === 'present') {
    box.append(button('take', 'manual', 'Take snapshot'));
    return box;
  }
  box.append(button('restore', 'undo', 'Restore'));
  box.append(row.pinned ? button('unpin', 'pin', 'Unpin') : button('pin', 'pin', 'Pin'), button('delete', 'trash', 'Delete'));
  return box;
}

function button(action, name, title) {
  const element = document.createElement('button');
  element.type = 'button';
  element.tabIndex = -1;
  element.title = title;
  element.setAttribute('aria-label', title);
  element.dataset.action = action;
  element.append(icon(name));
  return element;
}

function drawGraph({ graph, current, kind, pinned, warnings }, { height, lanes, distance }) {
  const width = Math.max(1, lanes) * distance + 6;
  const svg = drawing('svg', { class: 'graph', width, height, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' });
  const at = (lane) => 3 + distance * (lane + 0.5);
  const middle = height / 2;
  const x = at(graph.lane);
  const { path } = graph;
  const line = (d, strand, onPath, more = '') =>
    svg.append(drawing('path', { d, class: `strand line-${strand.line % lineColours}${onPath ? ' on-path' : ''}${more}` }));
  // Those on the way to the present last, above the others.
  for (const strand of sorted(graph.through, path.through)) {
    line(`M${at(strand.lane)} 0V${height}`, strand, strand.lane === path.through);
  }
  for (const fork of sorted(graph.forks, path.down)) {
    const to = at(fork.lane);
    line(`M${x} ${middle}C${x} ${height} ${to} ${middle} ${to} ${height}`, fork, fork.lane === path.down);
  }
  const open = kind === 'present' ? ' open' : '';
  if (graph.up) line(`M${x} 0V${middle}`, graph, path.up, open);
  if (graph.down) line(`M${x} ${middle}V${height}`, graph, path.down === graph.lane);
  const radius = Math.min(current ? 6 : 4.5, Math.max(1.5, distance / 2 - 1), Math.max(1.5, height / 2 - 1));
  const state = `${current ? ' current' : ''}${pinned ? ' pinned' : ''}${warnings.length > 0 ? ' inexact' : ''}${open}`;
  svg.append(drawing('circle', { cx: x, cy: middle, r: radius, class: `point line-${graph.line % lineColours}${state}` }));
  if (current) {
    const r = radius * 0.55;
    svg.append(drawing('path', { d: `M${x - r * 0.6} ${middle - r}L${x + r} ${middle}L${x - r * 0.6} ${middle + r}z`, class: 'here' }));
  }
  return svg;
}

function sorted(strands, last) {
  return [...strands].sort((a, b) => Number(a.lane === last) - Number(b.lane === last));
}

function drawing(name, attributes) {
  const element = document.createElementNS(svgNamespace, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

/** Text that the style sheet shows: what is said of the row has it too, in an order for the ear. */
function painted(className, text) {
  const element = span(className, '');
  element.dataset.text = text;
  return element;
}

export function span(className, text) {
  const element = document.createElement('span');
  element.className = className;
  element.textContent = text;
  return element;
}
