/** What the keyboard does to a view: commands by key, and arrows that go from thing to thing. */

import { isOp, type Key, parts } from './facts';
import type { Net } from './net';

/** What a key does; those under `figure` only where the figure itself has the focus. */
export interface Commands {
  readonly [key: string]: () => void;
}

/** Goes by arrows: across to the next operation, `along` the wires, or down the axes at one. */
export function walker(): (net: Net, from: Key, across: number, down: number, along: boolean) => Key {
  /** The operation whose axes the vertical arrows go through. */
  let at: Key = '';
  return (net, from, across, down, along) => {
    const { ops } = net;
    const op = isOp(from) ? from : parts(from)[0] === 'axis' && ops.includes(at) ? at : '';
    if (across && along && op) return net.along(op, across > 0 ? 1 : -1) || op;
    if (across || !op) return ops.at(op ? (ops.indexOf(op) + across) % ops.length : Math.min(across, 0)) ?? '';
    at = op;
    const around = net.around(op);
    return around[(from === op ? (down > 0 ? -1 : around.length) : around.indexOf(from)) + down] ?? op;
  };
}

/** The direction of an arrow key, to the right and down; nothing for any other. */
export function arrow(key: string): readonly [number, number] | undefined {
  return { ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowDown: [0, 1] }[key] as [number, number] | undefined;
}
