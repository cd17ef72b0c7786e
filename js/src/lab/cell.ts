/** What ran in a cell's editor, followed through the edits made since; and the code that is lit in it. */

import { type ChangeDesc, StateEffect, StateField, type EditorState, type Extension } from '@codemirror/state';
import { Decoration, type DecorationSet, EditorView } from '@codemirror/view';
import type { Place } from '../document';
import { cellOf, compiled, type Compiled } from './hash';

/** The text as it was sent to the kernel, and what was changed since. */
interface Ran {
  readonly names: readonly Compiled[];
  readonly lines: readonly number[];
  readonly length: number;
  readonly since: ChangeDesc | null;
}

const setRan = StateEffect.define<null>();
const setLit = StateEffect.define<readonly { from: number; to: number }[]>();
const CODE = Decoration.mark({ class: 'ncd-code' });

const ran = StateField.define<Ran | null>({
  create: () => null,
  update(was, change) {
    if (change.effects.some((e) => e.is(setRan))) return snapshot(change.state);
    if (!was || !change.docChanged) return was;
    return { ...was, since: was.since ? was.since.composeDesc(change.changes.desc) : change.changes.desc };
  },
});

const lit = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(was, change) {
    const set = change.effects.findLast((e) => e.is(setLit));
    return set ? Decoration.set(set.value.map(({ from, to }) => CODE.range(from, to)), true) : was.map(change.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

function snapshot(state: EditorState): Ran {
  const { doc } = state;
  const lines = Array.from({ length: doc.lines }, (_, i) => doc.line(i + 1).from);
  return { names: compiled(doc.toString()), lines, length: doc.length, since: null };
}

/** What ran; of a cell that did not run in this page, its text may still be what ran elsewhere. */
function known(state: EditorState): Ran {
  return state.field(ran, false) ?? snapshot(state);
}

/** The extension that every editor of a cell gets; calls back when the cursor moved or left. */
export function following(moved: (view: EditorView) => void): Extension {
  const watch = EditorView.updateListener.of((u) => {
    if ((u.selectionSet && u.view.hasFocus) || u.focusChanged) moved(u.view);
  });
  return [ran, lit, watch];
}

/** To be called when the text is sent to the kernel. */
export function sent(view: EditorView): void {
  view.dispatch({ effects: setRan.of(null) });
}

/** Where in the text as it is now these places are; none of another text, and none that was edited away. */
export function found(view: EditorView, places: readonly Place[]): { from: number; to: number }[] {
  const { names, lines, length, since } = known(view.state);
  return places.flatMap((p) => {
    const name = names.find((n) => n.hash === cellOf(p.file));
    const at = (line: number, column: number) => Math.min(length, (lines[line - 2 + (name?.line ?? 1)] ?? length) + column);
    if (!name) return [];
    const [start, end] = [at(p.line, p.column), at(p.end_line, p.end_column)];
    if (start >= end || since?.touchesRange(start, end)) return [];
    return [{ from: since?.mapPos(start, 1) ?? start, to: since?.mapPos(end, -1) ?? end }];
  });
}

/** Where the cursor was in the text that ran: hash, line from 1, column from 0; once for each name of the text. */
export function cursor(view: EditorView): { hash: string; line: number; column: number }[] {
  const { names, lines, since } = known(view.state);
  const now = view.state.selection.main.head;
  const then = since ? since.invertedDesc.mapPos(now) : now;
  const row = lines.findLastIndex((from) => from <= then);
  return names
    .filter((n) => row + 2 - n.line >= 1)
    .map((n) => ({ hash: n.hash, line: row + 2 - n.line, column: then - (lines[row] ?? 0) }));
}

export function light(view: EditorView, ranges: readonly { from: number; to: number }[]): void {
  if (ranges.length || view.state.field(lit, false)?.size) view.dispatch({ effects: setLit.of(ranges) });
}
