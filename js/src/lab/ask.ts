/**
 * What a figure asks of the kernel of the notebook it stands in.
 *
 * The renderer knows no notebook, so it asks the page: an event that whoever knows gives a promise to.
 */

import type { Document } from '../document';

export interface Request {
  /** The diagram as its document holds it, packed: the kernel looks up which of its own that is. */
  readonly diagram: string;
  /** Paths of all blocks to be drawn open. */
  readonly open: readonly string[];
  readonly width?: number;
  /** The picture is to be written as TikZ. */
  readonly tikz?: boolean;
}

export interface Answer {
  readonly document?: Document;
  readonly tikz?: string;
}

interface Detail {
  readonly request: Request;
  answer: Promise<Answer> | null;
}

const EVENT = 'ncd:ask';

/** The answer; null if nobody can be asked. */
export function ask(from: Element, request: Request): Promise<Answer> | null {
  const detail: Detail = { request, answer: null };
  from.dispatchEvent(new CustomEvent(EVENT, { bubbles: true, detail }));
  return detail.answer;
}

export function onAsked(act: (from: Element, request: Request) => Promise<Answer> | null): void {
  document.addEventListener(EVENT, (event) => {
    const detail = (event as CustomEvent<Detail>).detail;
    detail.answer = act(event.target as Element, detail.request);
  });
}
