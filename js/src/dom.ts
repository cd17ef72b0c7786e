/** Elements from plain values.  Text goes in as text; attributes are named by this code alone. */

const NS = 'http://www.w3.org/2000/svg';

type Attributes = Readonly<Record<string, string>>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K, name = '', attributes: Attributes = {}, ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (name) element.className = name;
  for (const [k, v] of Object.entries(attributes)) element.setAttribute(k, v);
  element.append(...children);
  return element;
}

export function s<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Attributes = {}): SVGElementTagNameMap[K] {
  const element = document.createElementNS(NS, tag);
  for (const [k, v] of Object.entries(attributes)) element.setAttribute(k, v);
  return element;
}

/** A drawn sign in a box of 16 by 16. */
export function icon(d: string): SVGSVGElement {
  const svg = s('svg', { viewBox: '0 0 16 16', class: 'ncd-icon', 'aria-hidden': 'true' });
  svg.append(s('path', { d }));
  return svg;
}

export function button(sign: Node | string, title: string, act: (e: MouseEvent) => void, name = 'ncd-button'): HTMLButtonElement {
  const element = h('button', name, { type: 'button', title, 'aria-label': title }, sign);
  element.addEventListener('click', act);
  return element;
}

/** The name of an axis as it is drawn: what follows an underscore stands lower. */
export function axisName(name: string): HTMLElement {
  const [head = '', ...rest] = name.split('_');
  const element = h('span', 'ncd-axis', {}, head);
  if (rest.length) element.append(h('sub', '', {}, rest.join('_')));
  return element;
}
