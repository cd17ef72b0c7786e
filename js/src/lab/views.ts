/** The figures in a page, whoever shows them: this extension, or a widget with code of its own. */

import type { Handle, Place } from '../document';
import type { Key } from '../facts';

export interface Told {
  readonly key: Key;
  readonly places: readonly Place[];
}

/** The handle of the figure whose root this is, or that this is in. */
export function handleOf(element: EventTarget | null): Handle | null {
  const root = element instanceof Element ? element.closest('.ncd-view') : null;
  return (root as { ncd?: Handle } | null)?.ncd ?? null;
}

export function handles(within: Element): Handle[] {
  return [...within.querySelectorAll('.ncd-view')].flatMap((root) => handleOf(root) ?? []);
}

/** Calls back when a figure anywhere in the page is pointed at (`hover`) or something in it chosen (`select`). */
export function onTold(what: 'hover' | 'select', act: (from: Handle, told: Told) => void): void {
  document.addEventListener(`ncd:${what}`, (event) => {
    const from = handleOf(event.composedPath()[0] ?? null);
    if (from) act(from, (event as CustomEvent<Told>).detail);
  });
}
