// The card with more about one row, beside it: asked for when the mouse rests on the row, or by a key.
// Must not know the other rows, or what there is to tell: `ask` sends for it, `show` is given it.
import { icon, span } from './timelineRow.js';

/** Milliseconds that the mouse rests on a row before more is told of it. */
const restMs = 500;

/** `elementOf`: of a row that is in sight. */
export function cardOf(card, { ask, elementOf }) {
  let waiting;
  let asked = null;
  /** The row's element that the card says more of. */
  let described = null;

  /** `stays`: also when the mouse goes away. */
  function open(id, stays) {
    asked = id;
    card.classList.toggle('stays', stays);
    ask(id);
  }

  function show({ id, details }) {
    const element = elementOf(id);
    if (id !== asked || !element) return;
    const facts = document.createElement('dl');
    for (const [name, value] of details.facts) {
      const [term, description] = [document.createElement('dt'), document.createElement('dd')];
      term.textContent = name;
      description.textContent = value;
      facts.append(term, description);
    }
    const warnings = details.warnings.map((text) => {
      const line = span('warning', text);
      line.prepend(icon('warning'));
      return line;
    });
    // In a low view the end of the card is cut off.
    card.replaceChildren(span('title', details.title), ...warnings, facts);
    card.hidden = false;
    element.setAttribute('aria-describedby', 'card');
    described = element;
    const box = element.getBoundingClientRect();
    const below = box.bottom + card.offsetHeight <= document.documentElement.clientHeight;
    card.style.top = `${below ? box.bottom : Math.max(0, box.top - card.offsetHeight)}px`;
  }

  function hide() {
    clearTimeout(waiting);
    described?.removeAttribute('aria-describedby');
    described = null;
    asked = null;
    card.hidden = true;
    card.classList.remove('stays');
  }

  /** To be called when rows have been drawn anew: what the card tells may be of one that is another now, or gone. */
  function refresh() {
    if (asked === null) return;
    const element = elementOf(asked);
    if (!element) hide();
    else if (described !== null && element !== described) ask(asked);
  }

  /** The mouse has come to row `id`. */
  function rest(id) {
    if (id === asked) return;
    hide();
    waiting = setTimeout(() => open(id, false), restMs);
  }

  /** The mouse has gone. */
  function leave() {
    if (!card.classList.contains('stays')) hide();
  }

  return { open, show, hide, refresh, rest, leave };
}
