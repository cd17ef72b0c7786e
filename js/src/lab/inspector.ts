/** A panel at the side that says all that is known of what is pointed at, or else chosen, in any figure. */

import { Widget } from '@lumino/widgets';
import { factOf, file, type Key, rows, say, titled } from '../facts';
import type { Handle } from '../document';
import { onTold } from './views';

/** Said before the rest, if known. */
const APART = ['path', 'weave', 'shapes', 'shape'];
const NOTHING = 'Point at a wire, an operation or a block of a diagram, or click it to keep it here.';

export class Inspector extends Widget {
  private chosen: { from: Handle; key: Key } | null = null;

  constructor(private readonly reveal: (from: Handle, key: Key) => void) {
    super();
    this.id = 'ncd-inspector';
    this.addClass('ncd-inspector');
    this.title.label = 'Diagram';
    this.title.caption = 'What is pointed at or chosen in a neural circuit diagram';
    this.title.closable = true;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Diagram inspector');
    this.say(null, '');
    onTold('hover', (from, { key }) => this.say(...(key ? ([from, key] as const) : this.kept())));
    onTold('select', (from, { key }) => {
      this.chosen = key ? { from, key } : null;
      this.say(...this.kept());
    });
  }

  private kept(): readonly [Handle | null, Key] {
    const there = this.chosen?.from.root.isConnected ? this.chosen : null;
    return [there?.from ?? null, there?.key ?? ''];
  }

  private say(from: Handle | null, key: Key): void {
    const known = from?.scene;
    if (!from || !known || !key) {
      this.node.replaceChildren(made('p', NOTHING));
      return;
    }
    const [kind, name] = titled(known, key);
    const heading = made('h2', name);
    heading.append(made('small', kind));
    const list = made('dl', '');
    const { words, source, ...fact } = factOf(known, key);
    const apart = APART.filter((term) => fact[term]).map((term) => [term, say(fact[term])] as const);
    const where = source ? [['source', file(source)] as const] : [];
    for (const [term, text] of [...apart, ...where, ...rows(known, key)]) list.append(made('dt', term), made('dd', text));
    this.node.replaceChildren(heading, ...(words ? [made('p', say(words))] : []), list);
    if (!from.places(key).length) return;
    const button = made('button', 'Show code');
    button.className = 'jp-mod-styled';
    button.addEventListener('click', () => this.reveal(from, key));
    this.node.append(button);
  }
}

function made(tag: string, text: string): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
