/** The axes with their sizes: pointing at one lights it, a click keeps it lit in a colour of its own. */

import { axisName, button, fill, group, h, pointed, set, toggle } from './dom';
import { factOf, type Key, say } from './facts';
import type { Net } from './net';

/** So many are shown at first. */
const FIRST = 16;
/** So many can be told apart. */
const COLOURS = 6;

export interface Legend {
  readonly root: HTMLElement;
  /** The locked axes by colour; '' where a colour is free. */
  locked(): readonly Key[];
  restore(axes: readonly Key[]): void;
  show(net: Net): void;
  lock(axis: Key): void;
  /** Shows which axes are lit elsewhere. */
  light(axes: readonly Key[]): void;
}

export function legend(onPoint: (axis: Key) => void, onLock: () => void): Legend {
  const root = group('legend', 'Axes');
  let locked: Key[] = [];
  let most = FIRST;
  const chips = new Map<Key, HTMLElement>();
  const mark = () => chips.forEach((made, k) => {
    const i = locked.indexOf(k);
    made.className = `ncd-chip ncd-tint-${i}`;
    set(made, 'aria-pressed', i >= 0);
  });
  const self: Legend = {
    root,
    locked: () => locked,
    restore(axes) {
      locked = axes.slice(0, COLOURS);
      mark();
    },
    show(net) {
      chips.clear();
      fill(root, []);
      root.hidden = !net.axes.length;
      for (const axis of net.axes.slice(0, most)) {
        const fact = factOf(net, axis);
        const size = say(fact.size);
        const made = button('chip', [axisName(fact), h('span', 'size', size)], () => self.lock(axis));
        set(made, 'aria-label', `axis ${made.firstChild!.textContent}, size ${size}`);
        pointed(made, (on) => onPoint(on ? axis : ''));
        chips.set(axis, made);
        root.append(made);
      }
      if (net.axes.length > most) {
        root.append(button('chip', [`${net.axes.length - most} more`], () => {
          most = Infinity;
          self.show(net);
        }));
      }
      mark();
    },
    lock(axis) {
      const at = locked.indexOf(axis);
      const free = locked.indexOf('');
      if (at >= 0) locked[at] = '';
      else locked[free >= 0 ? free : Math.min(locked.length, COLOURS - 1)] = axis;
      mark();
      onLock();
    },
    light: (axes) => chips.forEach((made, k) => toggle(made, 'on', axes.includes(k))),
  };
  return self;
}
