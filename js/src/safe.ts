/**
 * SVG from a string, letting in only what ncd writes.
 *
 * A figure may come out of a notebook that somebody else saved, so its text is not trusted: it is
 * parsed in a document of its own, where nothing runs, every element and attribute that is not in a
 * list is taken out, and a style sheet keeps only rules for the figure itself.  Then it is let in.
 */

const NS = 'http://www.w3.org/2000/svg';

const COMMON = ['class', 'data-op', 'data-axis', 'data-array', 'data-block'];
const ALLOWED: Readonly<Record<string, ReadonlySet<string>>> = Object.fromEntries(
  Object.entries({
    svg: ['viewBox', 'width', 'height', ...COMMON],
    title: [],
    desc: [],
    style: [],
    rect: ['width', 'height', ...COMMON],
    g: COMMON,
    path: ['d', ...COMMON],
    circle: ['cx', 'cy', 'r', ...COMMON],
    text: ['x', 'y', 'text-anchor', ...COMMON],
    tspan: ['dx', 'dy', 'font-size', 'font-weight', 'font-style'],
  }).map(([name, list]) => [name, new Set(list)]),
);
const RULE = /^#[\w-]+ [.\w-]+\{[^{}\\<@]*\}$/;
const DARK = '@media (prefers-color-scheme:dark){';

/** Light or dark as the host says, or null: as the reader's system prefers. */
export type Scheme = 'light' | 'dark' | null;

/** A picture in two layers of one size: what stays as it is, and the ink over it, which can be dimmed. */
export interface Picture {
  readonly ground: SVGSVGElement;
  readonly ink: SVGSVGElement;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly description: string;
}

/** The figure, adopted by this document; throws if the text is no SVG of ncd's. */
export function figure(text: string, scheme: Scheme = null): Picture {
  const root = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
  const id = root?.getAttribute('id') ?? 'ncd';
  if (root?.localName !== 'svg' || root.namespaceURI !== NS || !/^[A-Za-z][\w-]*$/.test(id)) throw new Error('not a figure of ncd');
  prune(root, id, scheme);
  const ink = document.adoptNode(root) as unknown as SVGSVGElement;
  // Rules are for this class, not for an id: the same figure may be on a page twice, and in layers.
  ink.setAttribute('class', `ncd-diagram ${id}`);
  ink.setAttribute('aria-hidden', 'true'); // the stage speaks for it
  const ground = ink.cloneNode(false) as SVGSVGElement;
  const words = { title: '', desc: '' };
  for (const child of [...ink.children]) {
    const name = child.localName;
    if (name === 'title' || name === 'desc') {
      words[name] = child.textContent ?? '';
      child.remove();
    } else if (name === 'style' || name === 'rect' || (name === 'path' && child.classList.contains('ncd-block'))) ground.append(child);
  }
  const number = (name: string) => Math.max(0, Number(ink.getAttribute(name)) || 0);
  return { ground, ink, width: number('width'), height: number('height'), title: words.title, description: words.desc };
}

function prune(element: Element, id: string, scheme: Scheme): void {
  const allowed = ALLOWED[element.localName];
  for (const name of element.getAttributeNames()) if (!allowed!.has(name)) element.removeAttribute(name);
  if (element.localName === 'style') {
    element.textContent = rules(element.textContent ?? '', id, scheme);
    return;
  }
  for (let child = element.firstChild; child; ) {
    const next: ChildNode | null = child.nextSibling;
    if (child.nodeType === 1 && (child as Element).namespaceURI === NS && Object.hasOwn(ALLOWED, (child as Element).localName)) {
      prune(child as Element, id, scheme);
    } else if (child.nodeType !== 3) child.remove();
    child = next;
  }
}

/** The lines of a style sheet that are rules for this figure and load nothing, for its class. */
function rules(text: string, id: string, scheme: Scheme): string {
  const own = `#${id} `;
  const keep = (line: string) =>
    line === DARK || line === '}' || (RULE.test(line) && line.startsWith(own) && !/url|image|expression/i.test(line));
  const when = { light: '@media not all{', dark: '@media all{' };
  return text.split('\n').filter(keep).map((line) => (line === DARK && scheme ? when[scheme] : line.replace(own, `.${id} `))).join('\n');
}
