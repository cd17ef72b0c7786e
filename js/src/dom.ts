/** Elements from plain values.  Text goes in as text; attributes are named by this code alone. */

type Attributes = Readonly<Record<string, string | number>>;
type Content = Node | string;

/** Every class is one of ours: its `ncd-` is put before it here. */
export function el<K extends keyof HTMLElementTagNameMap>(tag: K, name: string, attributes: Attributes, ...children: Content[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (name) element.className = name.replace(/\S+/g, 'ncd-$&');
  for (const k in attributes) set(element, k, attributes[k]!);
  element.append(...children);
  return element;
}

/** The same with no attributes. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, name = '', ...children: Content[]): HTMLElementTagNameMap[K] {
  return el(tag, name, {}, ...children);
}

export function s<K extends keyof SVGElementTagNameMap>(tag: K, name: string, d = ''): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  set(element, 'class', name);
  if (d) set(element, 'd', d);
  return element;
}

export function set(element: Element, name: string, value: string | number | boolean): void {
  element.setAttribute(name, String(value));
}

export function get(element: Element, name: string): string {
  return element.getAttribute(name) ?? '';
}

export function has(element: Element, name: string): boolean {
  return element.classList.contains(`ncd-${name}`);
}

export function toggle(element: Element, name: string, on: boolean): void {
  element.classList.toggle(`ncd-${name}`, on);
}

export function fill(element: Element, children: Iterable<Content>): void {
  element.replaceChildren(...children);
}

/** Left, top, right, bottom. */
export type Box = readonly [number, number, number, number];

/** Where an element is in the window. */
export function place(element: Element): Box {
  const { left, top, right, bottom } = element.getBoundingClientRect();
  return [left, top, right, bottom];
}

export function on(target: EventTarget, types: string, act: (e: never) => void): void {
  for (const type of types.split(' ')) target.addEventListener(type, act as (e: Event) => void);
}

/** A group, no landmark: a notebook has many figures. */
export function group(name: string, label: string, ...children: Content[]): HTMLElement {
  return el('div', name, { role: 'group', 'aria-label': label }, ...children);
}

/** Hears whether something is pointed at, or has the focus. */
export function pointed(element: Element, act: (on: boolean) => void): void {
  on(element, 'pointerenter focus', () => act(true));
  on(element, 'pointerleave blur', () => act(false));
}

/** A sign drawn in a box of 16 by 16. */
export function icon(d: string): SVGSVGElement {
  const svg = s('svg', 'ncd-sign');
  set(svg, 'viewBox', '0 0 16 16');
  svg.append(s('path', '', d));
  return svg;
}

export function button(name: string, content: readonly Content[], act: () => void, label = ''): HTMLButtonElement {
  const element = el('button', name, { type: 'button', ...(label && { title: label }) }, ...content);
  on(element, 'click', act);
  return element;
}

/** The name of an axis as it is drawn: what is in braces after an underscore stands lower. */
export function axisName({ label, name = '?' }: Readonly<Record<string, unknown>>): HTMLElement {
  return h('span', 'axis', ...String(label ?? name).split(/_\{(.*?)\}/).map((part, i) => (i % 2 ? h('sub', '', part) : part)));
}
