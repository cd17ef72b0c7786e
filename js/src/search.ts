/** A field to find things by name, path, kind or axis; arrows and Enter choose. */

import { h } from './dom';

export interface Hit {
  readonly kind: string;
  readonly name: string;
  readonly where: string;
  /** What else may be searched. */
  readonly more: string;
  /** What to do when it is chosen, and what to light while it is offered. */
  readonly go: () => void;
  readonly look: () => void;
}

const MOST = 40;
let made = 0;

/** `all` gives what there is; `done` is called when nothing is looked for any more, `leave` when the reader wants out. */
export function search(all: () => readonly Hit[], done: () => void, leave: () => void): { root: HTMLElement; seek(): void } {
  const id = `ncd-hits-${++made}`;
  const list = h('ul', 'ncd-hits', { role: 'listbox', id, 'aria-label': 'Found' });
  const field = h('input', 'ncd-field', {
    placeholder: 'Find', 'aria-label': 'Find by name, path, kind or axis', role: 'combobox', autocomplete: 'off',
    spellcheck: 'false', 'aria-expanded': 'false', 'aria-controls': id, 'aria-autocomplete': 'list',
  });
  const root = h('div', 'ncd-search', {}, field, list);
  let hits: Hit[] = [];
  let at = -1;

  const expand = (open: boolean) => {
    list.hidden = !open;
    field.setAttribute('aria-expanded', String(open));
    if (!open) done();
  };
  const point = (i: number) => {
    if (i === at) return;
    list.children[at]?.setAttribute('aria-selected', 'false');
    const row = list.children[(at = i)];
    row?.setAttribute('aria-selected', 'true');
    row?.scrollIntoView?.({ block: 'nearest' });
    field.setAttribute('aria-activedescendant', `${id}-${i}`);
    hits[i]?.look();
  };
  const choose = (i: number) => {
    const hit = hits[i];
    expand(false);
    hit?.go();
  };
  const text = (hit: Hit) => [hit.kind, hit.name, hit.where, hit.more].join(' ').toLowerCase();
  const find = () => {
    const asked = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const first = (hit: Hit) => Number(!hit.name.toLowerCase().startsWith(asked[0]!));
    const found = asked.length ? all().filter((hit) => asked.every((w) => text(hit).includes(w))) : [];
    hits = found.sort((a, b) => first(a) - first(b)).slice(0, MOST);
    const rows = hits.map((hit, i) => {
      const row = h('li', 'ncd-hit', { role: 'option', id: `${id}-${i}` },
        h('span', 'ncd-kind', {}, hit.kind), h('span', 'ncd-name', {}, hit.name), h('span', 'ncd-in', {}, hit.where));
      row.addEventListener('pointerdown', (e) => e.preventDefault()); // the field keeps the focus
      row.addEventListener('pointermove', () => point(i));
      row.addEventListener('click', () => choose(i));
      return row;
    });
    const rest = found.length - hits.length;
    if (asked.length && (rest || !hits.length)) rows.push(h('li', 'ncd-hit', { role: 'option', 'aria-disabled': 'true' }, rest ? `and ${rest} more` : 'nothing found'));
    list.replaceChildren(...rows);
    at = -1;
    field.removeAttribute('aria-activedescendant');
    expand(rows.length > 0);
    if (hits.length) point(0);
  };
  expand(false);
  field.addEventListener('input', find);
  field.addEventListener('keydown', (e) => {
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
  root.addEventListener('focusout', (e) => root.contains(e.relatedTarget as Node | null) || list.hidden || expand(false));
  return { root, seek: () => (field.focus(), field.select()) };
}
