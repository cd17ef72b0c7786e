/** Elements from plain values.  Text goes in as text; attributes are named by this code alone. */

type Attributes = Readonly<Record<string, string>>;
type Content = Node | string;

/** Every class is one of ours: its `ncd-` is put before it here. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, name = '', attributes: Attributes = {}, ...children: Content[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (name) element.className = name.replace(/\S+/g, 'ncd-$&');
  for (const k in attributes) set(element, k, attributes[k]!);
  element.append(...children);
  return element;
}

export function s<K extends keyof SVGElementTagNameMap>(tag: K, name: string, d = ''): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  set(element, 'class', name);
  if (d) set(element, 'd', d);
  return element;
}

export function set(element: Element, name: string, value: string | boolean): void {
  element.setAttribute(name, String(value));
}

export function on(target: EventTarget, types: string, act: (e: never) => void): void {
  for (const type of types.split(' ')) target.addEventListener(type, act as (e: Event) => void);
}

/** A sign drawn in a box of 16 by 16. */
export function icon(d: string): SVGSVGElement {
  const svg = s('svg', 'ncd-sign');
  set(svg, 'viewBox', '0 0 16 16');
  svg.append(s('path', '', d));
  return svg;
}

export function button(name: string, content: readonly Content[], act: () => void, label = ''): HTMLButtonElement {
  const element = h('button', name, { type: 'button', ...(label && { title: label, 'aria-label': label }) }, ...content);
  on(element, 'click', act);
  return element;
}

/** The name of an axis as it is drawn: what follows an underscore stands lower. */
export function axisName(name: unknown): HTMLElement {
  const [head = '', ...rest] = String(name ?? '?').split('_');
  return h('span', 'axis', {}, head, ...(rest[0] ? [h('sub', '', {}, rest.join('_'))] : []));
}
