/** A panel at the side that says all that is known of what is pointed at, or else chosen, in any figure. */

import { Widget } from '@lumino/widgets';
import { factOf, type Key, rows, titled } from '../facts';
import type { Handle } from '../document';
import { onTold } from './views';

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
    const facts = from?.scene?.facts ?? {};
    if (!from || !factOf(facts, key)) {
      this.node.replaceChildren(made('p', NOTHING));
      return;
    }
    const { kind, name } = titled(facts, key);
    const heading = made('h2', name);
    heading.append(made('small', kind));
    const list = made('dl', '');
    const said = rows(facts, key);
    const words = said.filter(([term]) => term === 'words').map(([, text]) => made('p', text));
    for (const [term, text] of said) if (term !== 'words') list.append(made('dt', term), made('dd', text));
    this.node.replaceChildren(heading, ...words, list);
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
