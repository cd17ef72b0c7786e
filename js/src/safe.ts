/**
 * SVG from a string, letting in only what ncd writes.
 *
 * A figure may come out of a notebook that somebody else saved, so its text is not trusted: it is
 * parsed without being run, every element and attribute is looked up in a list, and a style sheet
 * keeps only rules for the figure itself.
 */

const NS = 'http://www.w3.org/2000/svg';

const COMMON = ['class', 'data-op', 'data-axis', 'data-array', 'data-block'];
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  svg: ['id', 'viewBox', 'width', 'height', 'role', 'aria-labelledby', ...COMMON],
  title: ['id'],
  desc: ['id'],
  style: [],
  rect: ['width', 'height', ...COMMON],
  g: COMMON,
  path: ['d', ...COMMON],
  circle: ['cx', 'cy', 'r', ...COMMON],
  text: ['x', 'y', 'text-anchor', ...COMMON],
  tspan: ['dx', 'dy', 'font-size', 'font-weight', 'font-style'],
};
const RULE = /^#[\w-]+ [.\w-]+\{[^{}\\<@]*\}$/;
const DARK = '@media (prefers-color-scheme:dark){';

/** Light or dark as the host says, or null: as the reader's system prefers. */
export type Scheme = 'light' | 'dark' | null;

/** The figure, made of fresh elements of this document; throws if the text is no SVG. */
export function figure(text: string, scheme: Scheme = null): SVGSVGElement {
  const root = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
  const made = root?.localName === 'svg' ? copy(root, root.getAttribute('id') ?? '', scheme) : null;
  if (!made) throw new Error('not a figure of ncd');
  return made as SVGSVGElement;
}

function copy(from: Element, id: string, scheme: Scheme): SVGElement | null {
  const allowed = from.namespaceURI === NS ? ALLOWED[from.localName] : undefined;
  if (!allowed) return null;
  const to = document.createElementNS(NS, from.localName);
  for (const name of allowed) {
    const value = from.getAttribute(name);
    if (value !== null) to.setAttribute(name, value);
  }
  if (from.localName === 'style') {
    to.textContent = rules(from.textContent ?? '', id, scheme);
    return to;
  }
  for (const child of from.childNodes) {
    if (child.nodeType === 3) to.append(child.nodeValue ?? '');
    const inner = child.nodeType === 1 && copy(child as Element, id, scheme);
    if (inner) to.append(inner);
  }
  return to;
}

/** The lines of a style sheet that are rules for this figure and load nothing. */
function rules(text: string, id: string, scheme: Scheme): string {
  const keep = (line: string) =>
    line === DARK || line === '}' || (RULE.test(line) && line.startsWith(`#${id} `) && !/url|image|expression/i.test(line));
  const when = { light: '@media not all{', dark: '@media all{' };
  return text.split('\n').filter(keep).map((line) => (line === DARK && scheme ? when[scheme] : line)).join('\n');
}
