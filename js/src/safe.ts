/**
 * SVG from a string, letting in only what ncd writes.
 *
 * A figure may come out of a notebook that somebody else saved, so its text is not trusted.  Attributes that
 * are not in the list are taken out; then every `<` that does not begin a tag of the list, with attributes of
 * the list and nothing else, with all up to the next `>`; and only then is the text parsed: what a parser
 * finds in it can be no other element and no other attribute.  So it is with each part of a large figure, wherever
 * it was cut.  A style sheet is made here, of those of its lines that are rules for the figure itself.
 */

import { get, h, has, s, set } from './dom';

const ATTRIBUTE = ' (?:class|data-(?:op|axis|array|block)|viewBox|width|height|[cd]?[xy]|[dr]|text-anchor|font-(?:size|weight|style))="[^"<>]*"';
const OTHER = new RegExp(` (?!${ATTRIBUTE.slice(1)})[\\w:-]+="[^"<>]*"`, 'g');
const FOREIGN = new RegExp(`<(?!/?(?:svg|title|desc|rect|g|path|circle|text|tspan)(?:${ATTRIBUTE})*\\s*/?>)[^>]*>?`, 'g');
const FIGURE = /^\s*<\w+ [^>]*\bid="([A-Za-z][\w-]*)"/;
const STYLE = /<style>([^]*?)<\/style>/;
const RULE = /^#[\w-]+ [.\w-]+\{[^{}\\<@]*\}$/;
export const DARK = '@media (prefers-color-scheme:dark){';

/** So much text, more than most figures have, is parsed and painted at once. */
const AT_ONCE = 2e5;

/** A picture in two layers of one size: what stays as it is, and the ink over it, which can be dimmed. */
export interface Picture {
  readonly ground: SVGSVGElement;
  readonly ink: SVGSVGElement;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly description: string;
  /** What is not in the layers yet, as text. */
  readonly rest: string[];
  /** Puts the first of the rest into the layers; false: there was none. */
  more(): boolean;
}

/** The figure; throws if the text is no SVG of ncd's.  It is dark in whatever has `data-scheme=dark`. */
export function figure(text: string): Picture {
  const id = FIGURE.exec(text)?.[1];
  const inert = h('template'); // nothing runs and nothing is loaded in it
  const parsed = (part: string) => {
    inert.innerHTML = part.replace(OTHER, '').replace(FOREIGN, '');
    return inert.content.querySelector('svg')!;
  };
  const [first, ...rest] = cut(text.replace(STYLE, ''));
  const ink = parsed(first!);
  if (!id || !ink) throw new Error('not a figure of ncd');
  const style = s('style', '');
  style.textContent = rules(STYLE.exec(text)?.[1] ?? '', id);
  // Rules are for this class, not for an id: the same figure may be on a page twice, and in layers.
  set(ink, 'class', `ncd-diagram ${id}`);
  set(ink, 'aria-hidden', true); // the stage speaks for it
  const ground = ink.cloneNode(false) as SVGSVGElement;
  const word = (name: string) => {
    const found = ink.querySelector(name);
    found?.remove();
    return found?.textContent ?? '';
  };
  const under = (within: Element) => ground.append(...[...within.children].filter((e) => e.localName === 'rect' || has(e, 'block')));
  ground.append(style);
  under(ink);
  const more = () => {
    const part = rest.shift();
    if (!part) return false;
    const layer = parsed(`<svg>${part}`);
    under(layer);
    ink.append(...layer.children);
    return true;
  };
  const number = (name: string) => Math.max(0, +get(ink, name) || 0);
  return { ground, ink, width: number('width'), height: number('height'), title: word('title'), description: word('desc'), rest, more };
}

/** A figure's text in parts that each begin with a group: none of those is in another. */
function cut(text: string): string[] {
  const end = text.indexOf('\n<g ', AT_ONCE) + 1;
  return end ? [text.slice(0, end), ...cut(text.slice(end))] : [text];
}

/** The lines of a style sheet that are rules for this figure and load nothing, for its class. */
function rules(text: string, id: string): string {
  let within = '';
  return text.split('\n').map((line) => {
    if (line === DARK || line === '}') within = line === DARK ? '[data-scheme=dark] ' : '';
    const ours = RULE.test(line) && line.startsWith(`#${id} `) && !/url|image|expression/i.test(line);
    return ours ? `${within}.${line.slice(1)}\n` : '';
  }).join('');
}
