/**
 * What is at a point of a figure, from its geometry alone.
 *
 * Asking the browser costs up to 5 ms where there are tens of thousands of paths, and it finds a
 * wire only where it is painted; here a grid of short pieces is searched for the nearest, in
 * microseconds.  The paths are those that ncd writes: M L H V C A Z, absolute.
 */

import { clamp } from './camera';
import { type Box, get } from './dom';
import { isOp, type Key, key, type Kind, KINDS, pathOf, push } from './facts';
import type { Picture } from './safe';

export interface Spot {
  readonly key: Key;
  /** The array that a wire is an axis of. */
  readonly array: Key;
}

export interface Spots {
  /** The elements of each thing. */
  readonly elements: ReadonlyMap<Key, Element[]>;
  /** Gets a part ready for who asks next; false: all is. */
  more(): boolean;
  box(of: Key): Box | undefined;
  /** The nearest operation or wire within `reach`, else the smallest block around the point, else nothing. */
  find(x: number, y: number, reach: number): Spot;
}

interface Piece {
  /** From a point to a point; a box if it is filled. */
  readonly at: Box;
  readonly filled: boolean;
  readonly spot: Spot;
}

/** Wires are long and level, so are the cells. */
const WIDE = 96;
const HIGH = 16;
/** So many marks are looked at at once while nobody waits. */
const PART = 500;
/** What an operation is ahead of a wire that is as near, px. */
const AHEAD = 2;
const COUNTS: Readonly<Record<string, number>> = { M: 2, L: 2, H: 1, V: 1, C: 6, A: 7 };
const NOTHING: Spot = { key: '', array: '' };

/** Nothing is looked for, nor is the figure made whole, before something is asked. */
export function spots(picture: Picture): Spots {
  const all = (selector: string) => {
    while (picture.more());
    return [picture.ground, picture.ink].flatMap((layer) => [...layer.querySelectorAll(selector)]);
  };
  const cells = new Map<number, Piece[]>();
  const boxes = new Map<Key, Box>();
  const plates: Piece[] = [];
  let elements: Map<Key, Element[]> | undefined;
  let waiting: Element[] | undefined;
  const place = (element: Element): void => {
    const number = (attribute: string) => +get(element, attribute);
    const op = keyOf(element.parentElement!, 'op');
    const keys = op ? [op] : KINDS.map((kind) => keyOf(element, kind)).filter(Boolean);
    const [own] = keys;
    if (!own) return;
    const spot = { key: own, array: keyOf(element, 'array') };
    const note = (at: Box, filled: boolean) => {
      if (!pathOf(own)) enter(cells, { at, filled, spot });
      else if (filled) plates.push({ at, filled, spot });
      for (const k of keys) boxes.set(k, union(boxes.get(k) ?? at, at));
    };
    if (element.localName === 'circle') {
      const [x, y, r] = [number('cx'), number('cy'), number('r')];
      note([x - r, y - r, x + r, y + r], true);
    } else if (element.localName === 'text') {
      const wide = 7.5 * element.textContent!.length;
      const [x, y] = [number('x') - (get(element, 'text-anchor') ? wide / 2 : 0), number('y')];
      note([x, y - 11, x + wide, y + 2], true);
    } else
    for (const [points, closed] of outlines(get(element, 'd'))) {
      const lines = points.map((p, i): Box => [...(points[i - 1] ?? p), ...p]);
      if (closed) note(lines.reduce(union), true);
      else for (const line of lines.slice(1)) note(line, false);
    }
  };
  const more = (many = PART) => {
    waiting ??= all('path,circle,text');
    waiting.splice(0, many).forEach(place);
    if (waiting.length) return true;
    plates.sort((a, b) => area(a.at) - area(b.at));
    return false;
  };
  const ready = () => waiting?.length === 0 || more(Infinity);

  return {
    more,
    get elements() {
      if (!elements) {
        elements = new Map();
        for (const kind of KINDS) for (const e of all(`[data-${kind}]`)) push(elements, keyOf(e, kind), e);
      }
      return elements;
    },
    box(of) {
      ready();
      return boxes.get(of);
    },
    find(x, y, reach) {
      ready();
      let best: Piece | undefined;
      let least = reach + AHEAD;
      each([x - reach, y - reach, x + reach, y + reach], (cell) => {
        for (const piece of cells.get(cell) ?? []) {
          const far = distance(piece, x, y) + (isOp(piece.spot.key) ? 0 : AHEAD);
          if (far > least || (best && far === least && area(piece.at) >= area(best.at))) continue;
          least = far;
          best = piece;
        }
      });
      return (best ?? plates.find((plate) => !distance(plate, x, y)))?.spot ?? NOTHING;
    },
  };
}

function keyOf(element: Element, kind: Kind): Key {
  const id = get(element, `data-${kind}`);
  return id && key(kind, id);
}

/** Calls with the number of every cell that a box meets. */
function each([left, top, right, bottom]: Box, act: (cell: number) => void): void {
  for (let cy = Math.floor(top / HIGH); cy <= Math.floor(bottom / HIGH); cy++) {
    for (let cx = Math.floor(left / WIDE); cx <= Math.floor(right / WIDE); cx++) act(cy * 65536 + cx);
  }
}

function enter(cells: Map<number, Piece[]>, piece: Piece): void {
  each(union(piece.at, piece.at), (cell) => push(cells, cell, piece));
}

function distance({ at: [x, y, ex, ey], filled }: Piece, px: number, py: number): number {
  if (filled) return Math.hypot(Math.max(x - px, 0, px - ex), Math.max(y - py, 0, py - ey));
  const [dx, dy] = [ex - x, ey - y];
  const along = clamp(((px - x) * dx + (py - y) * dy) / (dx * dx + dy * dy || 1), 0, 1);
  return Math.hypot(px - x - along * dx, py - y - along * dy);
}

/** The box around two; of lines, too, whichever way they run. */
function union([x, y, ex, ey]: Box, [a, b, c, d]: Box): Box {
  return [Math.min(x, a, ex, c), Math.min(y, b, ey, d), Math.max(x, a, ex, c), Math.max(y, b, ey, d)];
}

function area([x, y, ex, ey]: Box): number {
  return Math.abs((ex - x) * (ey - y));
}

/** The lines of a path as points, and whether each is closed; curves as a few chords. */
export function outlines(d: string): [[number, number][], boolean][] {
  const out: [[number, number][], boolean][] = [];
  let line: [number, number][] = [];
  let [kind, x, y] = ['', 0, 0];
  let v: number[] = [];
  for (const [, letter, digits] of d.matchAll(/([MLHVCAZ])|(-?[\d.]+)/g)) {
    if (letter) {
      kind = letter;
      v = [];
      if (kind === 'Z' && line.length) {
        out.at(-1)![1] = true;
        line.push(line[0]!);
      }
      continue;
    }
    v.push(+digits!);
    if (v.length !== COUNTS[kind]) continue;
    const [ex, ey] = kind === 'H' ? [v[0]!, y] : kind === 'V' ? [x, v[0]!] : (v.slice(-2) as [number, number]);
    if (kind === 'M' || !line.length) out.push([(line = []), false]);
    if (kind === 'C') {
      for (const t of [0.25, 0.5, 0.75]) {
        const u = 1 - t;
        const mix = (a: number, b: number, c: number, e: number) => u * u * u * a + 3 * u * u * t * b + 3 * u * t * t * c + t * t * t * e;
        line.push([mix(x, v[0]!, v[2]!, ex), mix(y, v[1]!, v[3]!, ey)]);
      }
    } else if (kind === 'A') {
      // The middle of the shorter way round a circle.
      const [r, dx, dy] = [v[0]!, (ex - x) / 2, (ey - y) / 2];
      const half = Math.hypot(dx, dy) || 1;
      const rise = ((v[4]! ? 1 : -1) * (r - Math.sqrt(Math.max(0, r * r - half * half)))) / half;
      line.push([x + dx + rise * dy, y + dy - rise * dx]);
    }
    line.push([ex, ey]);
    [x, y] = [ex, ey];
    if (kind === 'M') kind = 'L';
    v = [];
  }
  return out;
}
