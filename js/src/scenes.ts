/** One scene as it stands in a page, and what it can be asked for. */

import type { Crumb } from './bar';
import type { At } from './code';
import type { Document, Place, Scene } from './document';
import { closedBlock, factOf, finite, ids, isOp, type Key, key, parts, pathOf, say, titled } from './facts';
import { type Light, light } from './light';
import { type Net, net } from './net';
import { figure, type Picture } from './safe';
import type { Hit } from './search';
import { type Spots, spots } from './spots';

export interface Drawn {
  readonly scene: Scene;
  readonly picture: Picture;
  readonly spots: Spots;
  readonly net: Net;
  readonly light: Light;
}

/** Throws if the scene's picture is no figure of ncd's. */
export function drawn(scene: Scene): Drawn {
  const picture = figure(scene.svg);
  const where = spots(picture);
  let how: Net | undefined;
  const made: Drawn = {
    scene, picture, spots: where, light: light(picture.ground, where, () => made.net),
    get net() {
      return (how ??= net(scene, where.elements));
    },
  };
  return made;
}

/** Where each of these things was written, in the document's functions. */
export function written(net: Net, keys: readonly Key[]): At[] {
  return keys.flatMap((k) => net.opsOf(k)).flatMap((op) => {
    const at = factOf(net, op).at;
    return finite(at) ? [at] : [];
  });
}

const lastLine = (of: { line: number; text: string }) => of.line + of.text.replace(/\n$/, '').split('\n').length - 1;

export function places(document: Document, net: Net, key: Key): Place[] {
  return written(net, [key]).flatMap(([k, line, column = 0, end_line, end_column = 1e4]) => {
    const source = document.sources?.[k ?? -1];
    return source ? [{ file: source.file, function: source.function, line: line ?? source.line, column, end_line: end_line ?? lastLine(source), end_column }] : [];
  });
}

/** The operations on a line of a file; a closed block is on every line of its own. */
export function opsOn(document: Document, net: Net, file: string, line: number, column = -1): Key[] {
  return net.ops.filter((op) => places(document, net, op).some((p) => (
    p.file === file && p.line <= line && line <= p.end_line && (column < 0 || ((line > p.line || column >= p.column) && (line < p.end_line || column <= p.end_column)))
  )));
}

/** What can be found in a scene: axes, blocks and operations, also those in closed blocks; `go` takes a name as `Net` has them. */
export function hits(net: Net, look: (key: Key) => void, go: (name: string) => void): Hit[] {
  const blocks = Object.keys(net.facts.block ?? {}).map((path) => key('block', path));
  return [...net.axes, ...blocks, ...net.ops].flatMap((k) => {
    const hit = (to: string, ...words: Hit['words']): Hit => ({ words, look: () => look(k), go: () => go(to) });
    const fact = factOf(net, k);
    const axes = isOp(k) ? net.around(k).map((a) => titled(net, a)[1]) : [];
    const inside = ids(fact, 'within').map((to) => {
      const [kind, id] = parts(to);
      return hit(to, kind === 'op' ? 'operation' : kind, id.split(/[./]/).pop()!, `in ${kind === 'axis' ? net.path(k) : id}`, '');
    });
    return [hit(net.name(k), ...titled(net, k), net.path(k) || say(fact.size), [fact.kind, fact.label, fact.cls, ...axes].join(' ')), ...inside];
  });
}

/** The blocks around what is chosen, outermost first; `to` says how to get to one. */
export function crumbs(net: Net, inside: string, selected: Key, to: (path: string) => (() => void) | undefined): Crumb[] {
  const path = net.path(selected) || inside;
  const out: Crumb[] = [];
  path.split('.').forEach((step, i, all) => {
    const at = all.slice(0, i + 1).join('.');
    const go = to(at);
    if (step && (go || at === path)) out.push([/^\d+$/.test(step) ? all.slice(Math.max(0, i - 1), i + 1).join('.') : step, go]);
  });
  if (selected && !pathOf(selected) && !closedBlock(net, selected)) out.push([titled(net, selected)[1]]);
  return out;
}
