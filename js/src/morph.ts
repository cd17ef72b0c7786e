/** From one drawing to the next: what is in both glides, what is new fades in. */

import type { Box } from './dom';
import { factOf, type Key } from './facts';
import type { Net } from './net';
import type { Spots } from './spots';

/** More than this would not glide. */
const MOST = 400;
const EASING = { duration: 280, easing: 'ease-out' };

/** What is looked at in a drawing: its operations, where they are, and how they hang together. */
interface Seen {
  readonly net: Net;
  readonly spots: Spots;
}

/** Operations that are in both drawings: the later key, and where it was and is. */
export type Stayed = readonly (readonly [key: Key, from: Box, to: Box])[];

export function stayed(before: Seen, to: Seen): Stayed {
  return before.net.ops.slice(0, MOST).flatMap((op) => {
    const key = to.net.find(before.net.name(op));
    const [from, then] = [before.spots.box(op), to.spots.box(key)];
    return from && then ? [[key, from, then] as const] : [];
  });
}

/** The operations that were not there, or did something else. */
export function changed(before: Seen, { net }: Seen): Key[] {
  const told = (of: Net, op: Key) => {
    const { weave, shapes, label } = factOf(of, op);
    return JSON.stringify([weave, shapes, label]);
  };
  return net.ops.slice(0, MOST).filter((op) => told(before.net, before.net.find(net.name(op))) !== told(net, op));
}

/** Lets what was elsewhere glide from there; (dx, dy) is how far the whole was moved meanwhile. */
export function glide(those: Stayed, elements: Spots['elements'], ink: Element, dx: number, dy: number): void {
  const moving = new Set<Element>();
  for (const [key, from, to] of those) {
    for (const e of elements.get(key) ?? []) {
      moving.add(e);
      e.animate?.([{ transform: `translate(${from[0] + dx - to[0]}px, ${from[1] + dy - to[1]}px)` }, { transform: 'none' }], EASING);
    }
  }
  if (ink.childElementCount < 10 * MOST) for (const child of ink.children) if (!moving.has(child)) child.animate?.([{ opacity: 0 }, { opacity: 1 }], EASING);
}
