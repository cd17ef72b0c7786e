/** One scene as it stands in a page, and what it can be asked for. */

import type { Crumb } from './bar';
import type { At } from './code';
import type { Document, Packed, Place, Scene } from './document';
import { closedBlock, factOf, type Key, titled } from './facts';
import { type Light, light } from './light';
import { type Net, net } from './net';
import { figure, type Picture, type Scheme } from './safe';
import type { Hit } from './search';
import { unpacked } from './share';
import { type Spots, spots } from './spots';

export interface Drawn {
  readonly scene: Scene;
  readonly picture: Picture;
  readonly spots: Spots;
  readonly net: Net;
  readonly light: Light;
}

/** Throws if the scene's picture is no figure of ncd's. */
export function drawn(scene: Scene, scheme: Scheme): Drawn {
  const picture = figure(scene.svg, scheme);
  const where = spots(picture.ground, picture.ink);
  const how = net(scene.facts ?? {}, where.elements);
  return { scene, picture, spots: where, net: how, light: light(picture.ground, where, how) };
}

export async function opened(entry: Scene | Packed): Promise<Scene> {
  return 'svg' in entry ? entry : { ...(JSON.parse(await unpacked(entry.packed)) as Scene), path: entry.path };
}

/** Where each of these things was written, in the document's functions. */
export function written(net: Net, keys: readonly Key[]): At[] {
  return keys.flatMap((k) => net.opsOf(k)).flatMap((op) => {
    const at = factOf(net.facts, op)?.at;
    return Array.isArray(at) && at.every(Number.isFinite) ? [at as At] : [];
  });
}

const lastLine = (of: { line: number; text: string }) => of.line + of.text.replace(/\n$/, '').split('\n').length - 1;

export function places(document: Document, net: Net, key: Key): Place[] {
  return written(net, [key]).flatMap(([k, line, column = 0, end_line, end_column = 1e4]) => {
    const source = document.sources?.[k ?? -1];
    return source ? [{ file: source.file, function: source.function, line: line ?? source.line, column, end_line: end_line ?? lastLine(source), end_column }] : [];
  });
}

/** The operations on a line of a function; a closed block is on every line of its own. */
export function opsOn(document: Document, net: Net, k: number, line: number, column = -1): Key[] {
  const source = document.sources?.[k];
  return net.ops.filter((op) => written(net, [op]).some(([of, first, from = 0, last = first, to = 1e4]) => {
    if (of !== k || !source) return false;
    if (first === undefined) return source.line <= line && line <= lastLine(source);
    return first <= line && line <= last! && (column < 0 || ((line > first || column >= from) && (line < last! || column <= to)));
  }));
}

/** What can be found in a scene: axes, blocks and operations. */
export function hits(net: Net, look: (key: Key) => void, go: (key: Key) => void): Hit[] {
  const blocks = Object.keys(net.facts.block ?? {}).map((path) => `block:${path}`);
  return [...net.axes, ...blocks, ...net.ops].map((k) => {
    const { kind, name } = titled(net.facts, k);
    const fact = factOf(net.facts, k) ?? {};
    const axes = k.startsWith('op:') ? net.around(k).map((a) => titled(net.facts, a).name) : [];
    const more = [fact.kind, fact.label, fact.cls, ...axes].join(' ');
    return { kind, name, where: net.path(k) || String(fact.size ?? ''), more, look: () => look(k), go: () => go(k) };
  });
}

/** The blocks around what is chosen, outermost first; `to` says how to get to one. */
export function crumbs(net: Net, inside: string, selected: Key, to: (path: string) => (() => void) | undefined): Crumb[] {
  const path = net.path(selected) || inside;
  const out: Crumb[] = [];
  let name = '';
  path.split('.').forEach((step, i, all) => {
    name += name && `.${step}` || step;
    const at = all.slice(0, i + 1).join('.');
    const go = to(at);
    if (!go && at !== path) return;
    out.push({ name: /^\d+$/.test(step) ? name.split('.').slice(-2).join('.') : step, go });
  });
  if (selected && !selected.startsWith('block:') && !closedBlock(net.facts, selected)) out.push({ name: titled(net.facts, selected).name });
  return out.filter((c) => c.name);
}
