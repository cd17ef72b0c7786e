/**
 * What Python says of a figure, and what can be done with one that is shown.
 *
 * `mount` (mount.ts) is the one way in, `held` (held.ts) the same with the insides that a document holds.
 * A host gives it a document and may give callbacks; what a host cannot do it leaves out, and the view does
 * without: with no `onToggle` a closed block is entered, with no `onCode` the source is shown beside.
 */

import type { Facts, Key } from './facts';

/** One picture: SVG as `ncd.render.svg` writes it, and what it knows of the ids in it. */
export interface Scene {
  readonly svg: string;
  readonly facts: Facts;
  /** The block that this is the inside of; none: the whole. */
  readonly path?: string;
  readonly title?: string;
}

/** A scene as base64 of zlib's deflate of its JSON: what may never be looked at costs a tenth. */
export interface Packed {
  readonly packed: string;
  readonly path: string;
  readonly title?: string;
}

/** Where an operation was written; lines from 1, columns from 0 in UTF-16 units, as editors count. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly end_line: number;
  readonly end_column: number;
  readonly function: string;
}

/** A function's text; `tokens` are runs of one look: a letter and so many characters (`k3t1f7`). */
export interface Source {
  readonly file: string;
  readonly function: string;
  readonly line: number;
  readonly text: string;
  readonly tokens: string;
}

/** `application/vnd.ncd.v1+json`, as far as it is shown.  Scene 0 is the picture, others are insides. */
export interface Document {
  readonly ncd?: number;
  readonly title?: string;
  /** The diagram itself, packed: what a kernel knows it by. */
  readonly diagram?: string;
  readonly scenes: readonly (Scene | Packed)[];
  /** Which of them is looked at; none: the first. */
  readonly at?: number;
  readonly sources?: readonly Source[];
  /** Which scene shows the inside of a block that is drawn closed, by the block's path. */
  readonly insides?: Readonly<Record<string, number>>;
  /** Keys of what is new since the drawing was made last: the code ran again, perhaps in a page that was not there then. */
  readonly changed?: readonly Key[];
  /** The picture as TikZ, packed. */
  readonly tikz?: string;
}

/** What ran through a wire, by the array's id: numbers to be said, in this order, and a picture of them. */
export interface Value {
  readonly stats?: Readonly<Record<string, number | string>>;
  /** A PNG (`data:image/png;base64,…`) of one pixel a cell, and in words where its axes run and what its colours mean. */
  readonly heat?: { readonly image: string; readonly width: number; readonly height: number; readonly caption: string; readonly scale: string };
}
export type Values = Readonly<Record<string, Value>>;

/** What one sees and has chosen, small enough to be shared; none of it need be there. */
export interface State {
  /** Ops by path, name and count, axes by name, so that it holds for the same model traced again. */
  readonly selected?: string;
  readonly locked?: readonly string[];
  /** The block whose inside is looked at, in a page with no kernel. */
  readonly path?: string;
  /** The middle of what is seen as a share of the figure's width and height, and the scale. */
  readonly camera?: readonly [number, number, number];
  readonly code?: boolean;
}

export interface Callbacks {
  /** The pointer is on something, or on nothing (''). */
  onHover?(key: Key): void;
  /** Something was chosen, or the choice was given up (''). */
  onSelect?(key: Key): void;
  /**
   * A closed block is to be opened in place, or an open one closed.  A promise of false says that it could
   * not be done; then the view does what it does without this callback.
   */
  onToggle?(path: string, open: boolean): unknown;
  /** What shows the inside of a block, or with '' the whole; none: that cannot be shown. */
  enter?(path: string): (() => Promise<void>) | undefined;
  /** What `state()` gives has changed. */
  onState?(state: State): void;
  /** The reader wants to see code; true if the host shows it itself. */
  onCode?(place: Place): boolean;
  /** A link that shows this, to be copied; without it the state itself is. */
  link?(state: State): string;
  /** The picture as TikZ, if somebody can be asked. */
  tikz?(): Promise<string>;
}

/**
 * A figure that is shown.  Keys are as in facts.ts: `op:3`, `axis:7`, `array:5`, `block:h.0`, or ''.
 *
 * Its root also tells the page, by bubbling and composed events for whoever listens:
 * `ncd:hover` and `ncd:select`, both with `{ key, places: Place[] }`.  The handle is its property `ncd`.
 */
export interface Handle {
  readonly root: HTMLElement;
  /** What is shown, the picture of it that one looks at, and what is chosen there. */
  readonly document: Document | null;
  readonly scene: Scene | null;
  readonly selected: Key;
  /** Another document in place of this one: zoom and choice stay, what changed is seen to. */
  show(document: Document): void;
  hover(key: Key): void;
  select(key: Key): void;
  /** As if the reader opened this block. */
  open(path: string): void;
  /** Lights these and dims the rest until told otherwise: a step of a walk-through, a cursor in the code. */
  mark(keys: readonly Key[]): void;
  /** What ran through the wires, to be seen when one is pointed at. */
  setValues(values: Values): void;
  /** The operations written on this line (and around this column). */
  keysAt(file: string, line: number, column?: number): Key[];
  places(key: Key): Place[];
  state(): State;
  restore(state: State): void;
  dispose(): void;
}
