/** The one way to show a document; see document.ts for what goes in and what comes back. */

export type { Callbacks, Document, Handle, Packed, Place, Scene, Source, State, Value, Values } from './document';
export type { Fact, Facts, Key, Kind } from './facts';
export { view as mount } from './view';
