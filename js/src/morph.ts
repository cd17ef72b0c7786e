/** From one drawing to the next: what is in both glides, what is new fades in. */

import type { Key } from './facts';
import type { Net } from './net';
import type { Box, Spots } from './spots';

/** More than this would not glide. */
const MOST = 400;
const EASING = { duration: 280, easing: 'cubic-bezier(.2,.7,.2,1)' };

/** Where an operation was, and what it did. */
export type Placed = ReadonlyMap<string, { readonly box: Box; readonly told: string }>;

/** Where each operation is, by a name that outlasts the drawing. */
export function placed(net: Net, spots: Spots): Placed {
  return new Map(net.ops.slice(0, MOST).map((op) => [net.name(op), { box: spots.box(op) ?? [0, 0, 0, 0], told: told(net, op) }]));
}

/** The operations that were not there, or did something else. */
export function changed(before: Placed, net: Net): Key[] {
  return net.ops.slice(0, MOST).filter((op) => before.get(net.name(op))?.told !== told(net, op));
}

/** Lets what was elsewhere glide from there; (dx, dy) is how far the whole was moved meanwhile. */
export function glide(before: Placed, net: Net, spots: Spots, ink: Element, dx: number, dy: number): void {
  const moving = new Set<Element>();
  for (const op of net.ops.slice(0, MOST)) {
    const from = before.get(net.name(op))?.box;
    const to = spots.box(op);
    if (!from || !to) continue;
    for (const e of spots.elements.get(op) ?? []) {
      moving.add(e);
      e.animate?.([{ transform: `translate(${from[0] + dx - to[0]}px, ${from[1] + dy - to[1]}px)` }, { transform: 'none' }], EASING);
    }
  }
  if (ink.childElementCount < 10 * MOST) for (const child of ink.children) if (!moving.has(child)) child.animate?.([{ opacity: 0 }, { opacity: 1 }], EASING);
}

function told(net: Net, op: Key): string {
  const fact = net.facts.op?.[op.slice(3)];
  return JSON.stringify([fact?.weave, fact?.shapes, fact?.label]);
}
