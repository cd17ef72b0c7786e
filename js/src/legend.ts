/** The axes with their sizes, those of one name and size as one: pointing lights them, a click keeps them lit in a colour of their own. */

import { axisName, button, fill, group, h, pointed, set, toggle } from './dom';
import { factOf, type Key, push, say } from './facts';
import type { Net } from './net';

/** So many are shown at first. */
const FIRST = 16;
/** So many can be told apart. */
const COLOURS = 6;

export interface Legend {
  readonly root: HTMLElement;
  /** The locked axes by colour, one of each name; '' where a colour is free. */
  locked(): readonly Key[];
  restore(axes: readonly Key[]): void;
  show(net: Net): void;
  lock(axis: Key): void;
  /** The axes that are one with this to a reader. */
  alike(axis: Key): readonly Key[];
  /** Shows which axes are lit elsewhere. */
  light(axes: readonly Key[]): void;
}

export function legend(onPoint: (axes: readonly Key[]) => void, onLock: () => void): Legend {
  const root = group('legend', 'Axes');
  let locked: Key[] = [];
  let most = FIRST;
  const chips = new Map<readonly Key[], HTMLElement>();
  let groups: (readonly Key[])[] = [];
  const mark = () => chips.forEach((made, group) => {
    const i = locked.findIndex((k) => group.includes(k));
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
      const named = new Map<string, Key[]>();
      for (const axis of net.axes) {
        const { label, name, size } = factOf(net, axis);
        push(named, `${label ?? name} ${size}`, axis);
      }
      groups = [...named.values()];
      root.hidden = !groups.length;
      for (const group of groups.slice(0, most)) {
        const fact = factOf(net, group[0]!);
        const size = say(fact.size);
        const made = button('chip', [axisName(fact), h('span', 'size', size)], () => self.lock(group[0]!));
        set(made, 'aria-label', `axis ${made.firstChild!.textContent}, size ${size}`);
        pointed(made, (on) => onPoint(on ? group : []));
        chips.set(group, made);
        root.append(made);
      }
      if (groups.length > most) {
        root.append(button('chip', [`${groups.length - most} more`], () => {
          most = Infinity;
          self.show(net);
        }));
      }
      mark();
    },
    lock(axis) {
      const group = self.alike(axis);
      const at = locked.findIndex((k) => group.includes(k));
      const free = locked.indexOf('');
      if (at >= 0) locked[at] = '';
      else locked[free >= 0 ? free : Math.min(locked.length, COLOURS - 1)] = axis;
      mark();
      onLock();
    },
    alike: (axis) => groups.find((group) => group.includes(axis)) ?? [],
    light: (axes) => chips.forEach((made, group) => toggle(made, 'on', group.some((k) => axes.includes(k)))),
  };
  return self;
}
