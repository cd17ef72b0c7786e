/** The one way to show a document; see document.ts for what goes in and what comes back. */

import type { Callbacks, Document, Handle } from './document';
import { view } from './view';

export type { Callbacks, Document, Handle, Packed, Place, Scene, Source, State, Value, Values } from './document';
export type { Fact, Facts, Key, Kind } from './facts';

/** Shows a document in an element.  Throws if its first scene is no figure of ncd. */
export function mount(element: HTMLElement, document: Document, callbacks: Callbacks = {}): Handle {
  return view(element, document, callbacks);
}
