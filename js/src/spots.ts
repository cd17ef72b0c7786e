/**
 * What is at a point of a figure, from its geometry alone.
 *
 * Asking the browser costs up to 5 ms where there are tens of thousands of paths, and it finds a
 * wire only where it is painted; here a grid of short pieces is searched for the nearest, in
 * microseconds.  The paths are those that ncd writes: M L H V C A Z, absolute.
 */

import { type Key, key, KINDS } from './facts';

/** Left, top, right, bottom. */
export type Box = readonly [number, number, number, number];

export interface Spot {
  readonly key: Key;
  /** The array that a wire is an axis of. */
  readonly array: Key;
}

export interface Spots {
  /** The elements of each thing. */
  readonly elements: ReadonlyMap<Key, Element[]>;
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
/** What an operation is ahead of a wire that is as near, px. */
const AHEAD = 2;
const COUNTS: Readonly<Record<string, number>> = { M: 2, L: 2, H: 1, V: 1, C: 6, A: 7 };

export function spots(...layers: readonly Element[]): Spots {
  const cells = new Map<number, Piece[]>();
  const boxes = new Map<Key, Box>();
  const plates: Piece[] = [];
  const elements = new Map<Key, Element[]>();
  let found: [Element, Partial<Record<string, Key>>, Key][] = [];

  const add = (element: Element, within: Key): void => {
    const own: Partial<Record<string, Key>> = {};
    for (const kind of KINDS) {
      const id = element.getAttribute(`data-${kind}`);
      if (id === null) continue;
      const k = (own[kind] = key(kind, id));
      const known = elements.get(k);
      if (known) known.push(element);
      else elements.set(k, [element]);
    }
    const op = own.op ?? within;
    if (element.localName === 'g') for (const child of element.children) add(child, op);
    else found.push([element, own, op]);
  };
  /** Where an element is; asked of none before something is pointed at. */
  const place = (element: Element, own: Partial<Record<string, Key>>, op: Key): void => {
    const { localName: name } = element;
    const number = (attribute: string) => Number(element.getAttribute(attribute)) || 0;
    const spot = { key: op || own.axis || own.array || own.block || '', array: own.array ?? '' };
    if (!spot.key) return;
    const note = (at: Box, filled: boolean) => {
      const piece = { at, filled, spot };
      if (spot.key !== own.block) enter(cells, piece);
      else if (filled) plates.push(piece);
    };
    let whole: Box | null = null;
    if (name === 'circle') {
      const [x, y, r] = [number('cx'), number('cy'), number('r')];
      note((whole = [x - r, y - r, x + r, y + r]), true);
    } else if (name === 'text') {
      const wide = 7.5 * (element.textContent?.length ?? 0);
      const x = number('x') - (element.getAttribute('text-anchor') === 'middle' ? wide / 2 : 0);
      note((whole = [x, number('y') - 11, x + wide, number('y') + 2]), true);
    } else if (name === 'path') {
      for (const [points, closed] of outlines(element.getAttribute('d') ?? '')) {
        const box = points.reduce<Box>((b, [x, y]) => union(b, [x, y, x, y]), [...points[0]!, ...points[0]!]);
        whole = union(whole ?? box, box);
        if (closed) note(box, true);
        else for (let i = 1; i < points.length; i++) note([...points[i - 1]!, ...points[i]!], false);
      }
    }
    if (whole) for (const k of op ? [op] : Object.values(own)) boxes.set(k!, union(boxes.get(k!) ?? whole, whole));
  };
  for (const layer of layers) for (const child of layer.children) add(child, '');
  const ready = () => {
    if (!found.length) return;
    for (const each of found) place(...each);
    found = [];
    plates.sort((a, b) => area(a.at) - area(b.at));
  };

  return {
    elements,
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
          const far = distance(piece, x, y) + (piece.spot.key.startsWith('op:') ? 0 : AHEAD);
          if (far > least || (best && far === least && area(piece.at) >= area(best.at))) continue;
          least = far;
          best = piece;
        }
      });
      best ??= plates.find((plate) => !distance(plate, x, y));
      return best?.spot ?? { key: '', array: '' };
    },
  };
}

/** Calls with the number of every cell that a box meets. */
function each([left, top, right, bottom]: Box, act: (cell: number) => void): void {
  for (let cy = Math.floor(top / HIGH); cy <= Math.floor(bottom / HIGH); cy++) {
    for (let cx = Math.floor(left / WIDE); cx <= Math.floor(right / WIDE); cx++) act(cy * 65536 + cx);
  }
}

function enter(cells: Map<number, Piece[]>, piece: Piece): void {
  const [x, y, ex, ey] = piece.at;
  each(union([x, y, x, y], [ex, ey, ex, ey]), (cell) => {
    const there = cells.get(cell);
    if (there) there.push(piece);
    else cells.set(cell, [piece]);
  });
}

function distance({ at: [x, y, ex, ey], filled }: Piece, px: number, py: number): number {
  if (filled) return Math.hypot(Math.max(x - px, 0, px - ex), Math.max(y - py, 0, py - ey));
  const [dx, dy] = [ex - x, ey - y];
  const along = Math.max(0, Math.min(1, ((px - x) * dx + (py - y) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(px - x - along * dx, py - y - along * dy);
}

function union(a: Box, b: Box): Box {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
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
  for (const [, letter, digits] of d.matchAll(/([MLHVCAZ])|(-?[\d.]+(?:e-?\d+)?)/g)) {
    if (letter) {
      kind = letter;
      v = [];
      if (kind === 'Z' && line.length) {
        out.at(-1)![1] = true;
        line.push(line[0]!);
      }
      continue;
    }
    v.push(Number(digits));
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
