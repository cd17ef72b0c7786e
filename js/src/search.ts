/** A field to find things by name, path, kind or axis; arrows and Enter choose. */

import { el, fill, h, on, set } from './dom';

export interface Hit {
  /** Kind, name, where it is, and what else may be searched. */
  readonly words: readonly [string, string, string, string];
  /** What to do when it is chosen, and what to light while it is offered. */
  readonly go: () => void;
  readonly look: () => void;
}

const MOST = 40;
let made = 0;

/** `all` gives what there is; `done` is called when nothing is looked for any more, `leave` when the reader wants out. */
export function search(all: () => readonly Hit[], done: () => void, leave: () => void): { root: HTMLElement; seek(): void } {
  const id = `ncd-hits-${++made}`;
  const list = el('ul', 'hits', { role: 'listbox', id, 'aria-label': 'Found' });
  const field = el('input', 'field', {
    placeholder: 'Find', 'aria-label': 'Find by name, path, kind or axis', role: 'combobox', autocomplete: 'off',
    spellcheck: 'false', 'aria-controls': id, 'aria-autocomplete': 'list',
  });
  const root = h('div', 'search', field, list);
  let hits: Hit[] = [];
  let at = -1;

  const expand = (open: boolean) => {
    list.hidden = !open;
    set(field, 'aria-expanded', open);
    if (!open) done();
  };
  const point = (i: number) => {
    if (i === at) return;
    at = i;
    [...list.children].forEach((row, k) => set(row, 'aria-selected', k === i));
    list.children[i]?.scrollIntoView?.({ block: 'nearest' });
    set(field, 'aria-activedescendant', `${id}-${i}`);
    hits[i]!.look();
  };
  const choose = (i: number) => {
    const hit = hits[i];
    expand(false);
    hit?.go();
  };
  const text = (hit: Hit) => hit.words.join(' ').toLowerCase();
  const find = () => {
    const asked = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const first = (hit: Hit) => +!hit.words[1].toLowerCase().startsWith(asked[0]!);
    const found = asked.length ? all().filter((hit) => asked.every((w) => text(hit).includes(w))) : [];
    hits = found.sort((a, b) => first(a) - first(b)).slice(0, MOST);
    const rows = hits.map((hit, i) => {
      const row = el('li', 'hit', { role: 'option', id: `${id}-${i}` }, ...['kind', 'name', 'in'].map((name, k) => h('span', name, hit.words[k]!)));
      on(row, 'pointerdown', (e: Event) => e.preventDefault()); // the field keeps the focus
      on(row, 'pointermove', () => point(i));
      on(row, 'click', () => choose(i));
      return row;
    });
    const rest = found.length - hits.length;
    if (asked.length && (rest || !hits.length)) rows.push(el('li', 'hit', { role: 'option', 'aria-disabled': 'true' }, rest ? `and ${rest} more` : 'nothing found'));
    fill(list, rows);
    at = -1;
    field.removeAttribute('aria-activedescendant');
    expand(rows.length > 0);
    if (hits.length) point(0);
  };
  expand(false);
  on(field, 'input', find);
  on(field, 'keydown', (e: KeyboardEvent) => {
    e.stopPropagation(); // these keys are text; and a notebook has uses of its own for them
    const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (by && hits.length) point((at + by + hits.length) % hits.length);
    else if (e.key === 'Enter') choose(at);
    else if (e.key === 'Escape') {
      field.value = '';
      expand(false);
      leave();
    } else return;
    e.preventDefault();
  });
  on(root, 'focusout', (e: FocusEvent) => root.contains(e.relatedTarget as Node | null) || list.hidden || expand(false));
  return { root, seek: () => (field.focus(), field.select()) };
}
