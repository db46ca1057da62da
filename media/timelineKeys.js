// Where a key leads in the timeline, and what it does to the row that it is pressed on.
// Pure; must not know elements.

/** Not as keybindings of VS Code: its `focusedView` is not set while the keyboard is inside a page. */
export const actionOfKey = {
  Enter: 'restore',
  ' ': 'show',
  F2: 'rename',
  Delete: 'delete',
  p: 'pin',
  c: 'compare',
  s: 'selectForCompare',
  d: 'compareWithSelected',
  b: 'branch',
};

/** The row to which a key leads from row `index`, which may be none; undefined where it leads nowhere. `page`: rows in sight. */
export function target(key, index, { rows, indexOf, page }) {
  switch (key) {
    case 'ArrowUp':
      return index - 1;
    case 'ArrowDown':
      return index + 1;
    case 'PageUp':
      return Math.max(0, index - page);
    case 'PageDown':
      return Math.min(rows.length - 1, index + page);
    case 'Home':
      return 0;
    case 'End':
      return rows.length - 1;
    case 'ArrowLeft':
      return indexOf.get(rows[index].parent) ?? index;
    case 'ArrowRight':
      return youngestChild(rows, index) ?? index;
    default:
      return undefined;
  }
}

function youngestChild(rows, index) {
  for (let child = rows.length - 1; child > index; child--) if (rows[child].parent === rows[index].id) return child;
  return undefined;
}
