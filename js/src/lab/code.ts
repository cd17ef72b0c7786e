/** Figures and cells of one notebook, linked: what is pointed at in one is lit in the other. */

import type { CodeCell } from '@jupyterlab/cells';
import { type CodeMirrorEditor, EditorExtensionRegistry, type IEditorExtensionRegistry } from '@jupyterlab/codemirror';
import { type INotebookTracker, NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import type { EditorView } from '@codemirror/view';
import type { Handle, Place } from '../document';
import { cursor, following, found, light, sent } from './cell';
import { cellOf } from './hash';
import type { Settings } from './settings';
import { handles, onTold } from './views';

const SETTLE_MS = 40;

export function linkCode(tracker: INotebookTracker, editors: IEditorExtensionRegistry, settings: Settings): void {
  let waiting: ReturnType<typeof setTimeout> | undefined;
  editors.addExtension({
    name: 'ncd:code',
    factory: () =>
      EditorExtensionRegistry.createImmutableExtension(
        following((view) => {
          clearTimeout(waiting);
          waiting = setTimeout(() => markUnder(view, settings), SETTLE_MS); // typing goes first
        }),
      ),
  });
  NotebookActions.executionScheduled.connect((_, { cell }) => {
    const view = viewOf(cell as CodeCell);
    if (view) sent(view);
  });

  const chosen = new WeakMap<Handle, readonly Place[]>();
  onTold('select', (from, { places }) => {
    chosen.set(from, places);
    show(from, places);
  });
  onTold('hover', (from, { key, places }) => show(from, key ? places : (chosen.get(from) ?? [])));

  function show(from: Handle, places: readonly Place[]): void {
    const panel = panelOf(tracker, from.root);
    for (const view of panel ? views(panel) : []) light(view, settings.lightCode ? found(view, places) : []);
  }
}

/** Goes to the code of a place if a cell of the figure's notebook has it. */
export function reveal(tracker: INotebookTracker, from: Element, place: Place): boolean {
  const panel = panelOf(tracker, from);
  for (const [i, cell] of (panel?.content.widgets ?? []).entries()) {
    const view = viewOf(cell as CodeCell);
    const [range] = view ? found(view, [place]) : [];
    if (!panel || !view || !range) continue;
    panel.content.activeCellIndex = i;
    panel.content.mode = 'edit';
    view.dispatch({ selection: { anchor: range.from, head: range.to }, scrollIntoView: true });
    view.focus();
    return true;
  }
  return false;
}

/** Lights in all figures of a notebook the operations that stand where the cursor is, or on its line. */
function markUnder(view: EditorView, settings: Settings): void {
  const notebook = view.dom.closest('.jp-NotebookPanel');
  if (!notebook) return;
  const there = view.hasFocus && settings.lightOps ? cursor(view) : [];
  for (const handle of handles(notebook)) {
    const files = [...new Set(handle.document?.sources?.map((s) => s.file))];
    const at = there.flatMap(({ hash, line, column }) =>
      files.filter((file) => cellOf(file) === hash).map((file) => [file, line, column] as const),
    );
    const close = at.flatMap(([file, line, column]) => handle.keysAt(file, line, column));
    handle.mark(close.length ? close : at.flatMap(([file, line]) => handle.keysAt(file, line)));
  }
}

export function panelOf(tracker: INotebookTracker, element: Element): NotebookPanel | null {
  return tracker.find((panel) => panel.node.contains(element)) ?? null;
}

function viewOf(cell: CodeCell): EditorView | null {
  return cell.model.type === 'code' ? ((cell.editor as CodeMirrorEditor | null)?.editor ?? null) : null;
}

function views(panel: NotebookPanel): EditorView[] {
  return panel.content.widgets.flatMap((cell) => viewOf(cell as CodeCell) ?? []);
}
