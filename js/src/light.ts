/**
 * What is lit, drawn a second time over the dimmed ink.
 *
 * The many paths of the figure are never touched: the browser only blends one layer more faintly.
 * The wires of an axis are a few paths here, whose text is kept.
 */

import { fill, get, has, s, toggle } from './dom';
import { isOp, type Key, pathOf } from './facts';
import type { Net } from './net';
import type { Spots } from './spots';

export interface Lit {
  readonly keys: readonly Key[];
  /** A class that says the colour. */
  readonly tint: string;
}

export interface Light {
  readonly layer: SVGSVGElement;
  /** Draws these and nothing else; `chosen` gets a frame.  Whether anything is there to be dimmed around. */
  draw(groups: readonly Lit[], chosen: Key): boolean;
  /** Frames that fade: something here is new. */
  flash(keys: readonly Key[]): void;
}

const PAD = 4;
/** More labels than this would hold up a frame; the thread is lit all the same. */
const LABELS = 200;
/** So many wires are one path. */
const PIECE = 64;

export function light(like: SVGSVGElement, spots: Spots, net: () => Net): Light {
  const layer = like.cloneNode(false) as SVGSVGElement;
  toggle(layer, 'over', true);
  const lit = s('g', '');
  const news = s('g', '');
  layer.append(lit, news);
  const made = new Map<Key, Element[]>();

  const frame = (of: Key, name: string) => {
    const box = spots.box(of);
    if (!box) return [];
    const [x, y, right, bottom] = box.map((n, i) => n + (i < 2 ? -PAD : PAD)) as [number, number, number, number];
    return [s('path', name, `M${x} ${y}H${right}V${bottom}H${x}Z`)];
  };
  const marks = (of: Key): Element[] => {
    const all = spots.elements.get(of) ?? [];
    const op = isOp(of);
    const wires = (op ? net().arrays(of).flatMap((a) => spots.elements.get(a) ?? []) : all).filter((e) => has(e, 'wire'));
    if (pathOf(of)) return all.filter((e) => has(e, 'block')).map((e) => s('path', 'ncd-block ncd-lit', get(e, 'd')));
    const others = all.filter((e) => !has(e, 'wire'));
    const rest = (others.length > LABELS ? [] : others).map((e) => e.cloneNode(true) as Element);
    // An operation's wires lie under it; an axis is one thread, in pieces, or it would all be painted wherever some of it is.
    for (let i = 0; i < wires.length; i += PIECE) rest.unshift(s('path', op ? 'ncd-wire' : 'ncd-thread', wires.slice(i, i + PIECE).map((e) => get(e, 'd')).join('')));
    for (const e of rest) {
      toggle(e, 'lit', true);
      toggle(e, 'op', false); // an operation is once in a figure
    }
    return rest;
  };
  return {
    layer,
    draw(groups, chosen) {
      let dims = false;
      const out = groups.map(({ keys, tint }) => {
        const g = s('g', tint);
        for (const k of keys) {
          let found = made.get(k);
          if (!found) made.set(k, (found = marks(k)));
          g.append(...found);
          dims ||= found.length > 0 && !pathOf(k);
        }
        return g;
      });
      fill(lit, [...out, ...(isOp(chosen) ? frame(chosen, 'ncd-chosen') : [])]);
      return dims;
    },
    flash(keys) {
      fill(news, keys.flatMap((k) => frame(k, 'ncd-flash')));
    },
  };
}
