/** What the keyboard does to a view. */

import { closedBlock, factOf, type Key } from './facts';
import type { Net } from './net';
import type { Stage } from './stage';

/** What of a view keys act on. */
export interface Keyed {
  readonly stage: Stage;
  net(): Net | undefined;
  selected(): Key;
  /** Chooses a thing and brings it into sight. */
  choose(key: Key): void;
  /** Opens a closed block, closes an open one. */
  toggle(key: Key): void;
  lock(axis: Key): void;
  out(): void;
  letGo(): void;
  seek(): void;
  showCode(): void;
  showHelp(): void;
}

const PAN = 60;

/** What hears keys: true if one meant something; `figure`: the figure itself has the focus. */
export function keys(view: Keyed): (e: KeyboardEvent, figure: boolean) => boolean {
  /** The operation whose axes the vertical arrows go through. */
  let at: Key = '';

  const walk = (net: Net, across: number, down: number, along: boolean) => {
    const selected = view.selected();
    const op = selected.startsWith('op:') ? selected : selected.startsWith('axis:') && net.ops.includes(at) ? at : '';
    const step = (by: number) => net.ops[op ? (net.ops.indexOf(op) + by + net.ops.length) % net.ops.length : by > 0 ? 0 : net.ops.length - 1] ?? '';
    if (across && along && op) return net.along(op, across > 0 ? 1 : -1) || op;
    if (across || !op) return step(across || 1);
    at = op;
    const around = net.around(op);
    return around[(selected === op ? (down > 0 ? -1 : around.length) : around.indexOf(selected)) + down] ?? op;
  };
  const meant: Readonly<Record<string, () => void>> = {
    Escape: view.letGo, '/': view.seek, c: view.showCode, '?': view.showHelp,
    '+': () => view.stage.zoom(1), '=': () => view.stage.zoom(1), '-': () => view.stage.zoom(-1), 0: view.stage.fit,
  };
  const onFigure: Readonly<Record<string, () => void>> = {
    Backspace: view.out,
    l: () => view.selected().startsWith('axis:') && view.lock(view.selected()),
    Enter() {
      // The chosen closed block, or the block around what is chosen.
      const [net, selected] = [view.net(), view.selected()];
      const around = net && !selected.startsWith('block:') && !closedBlock(net.facts, selected) ? `block:${net.path(selected)}` : selected;
      if (net && selected && (around === selected || factOf(net.facts, around))) view.toggle(around);
    },
  };
  return (e, figure) => {
    if (e.ctrlKey || e.metaKey) return false;
    const i = ['ArrowLeft', 'ArrowUp', 'ArrowRight', 'ArrowDown'].indexOf(e.key);
    const net = view.net();
    if (figure && net && i >= 0) {
      const [across, down] = [i % 2 ? 0 : i - 1, i % 2 ? i - 2 : 0];
      if (e.altKey) view.stage.move(-PAN * across, -PAN * down);
      else view.choose(walk(net, across, down, e.shiftKey));
      return true;
    }
    const act = e.altKey ? undefined : (meant[e.key] ?? (figure ? onFigure[e.key] : undefined));
    act?.();
    return !!act;
  };
}
