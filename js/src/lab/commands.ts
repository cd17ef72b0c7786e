/** What can be asked for by name: in the palette, in menus, on a notebook's toolbar. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { type ICommandPalette, InputDialog, Notification } from '@jupyterlab/apputils';
import type { CodeMirrorEditor } from '@jupyterlab/codemirror';
import { type INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import type { Handle } from '../document';
import { reveal } from './code';
import { type Format, FORMATS, save } from './export';
import type { Inspector } from './inspector';
import { line } from './kernel';
import { handleOf, handles, onTold } from './views';

const CATEGORY = 'Neural circuit diagrams';

export function addCommands(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  palette: ICommandPalette | null,
  inspector: Inspector,
): void {
  const { commands, shell } = app;
  let last: Handle | null = null;
  onTold('hover', (from) => (last = from));
  onTold('select', (from) => (last = from));
  /** The figure a menu was opened on, else the one last pointed at, else the first one. */
  const figure = (): Handle | null => {
    const under = app.contextMenuHitTest((node) => handleOf(node) !== null);
    if (under) return handleOf(under);
    const page = shell.currentWidget?.node;
    if (last && page?.contains(last.root)) return last;
    return (page && handles(page)[0]) ?? null;
  };

  commands.addCommand('ncd:inspect', {
    label: 'Inspect Diagram',
    caption: 'Say all that is known of what is pointed at in a diagram',
    execute: async () => {
      await app.restored;
      if (!inspector.isAttached) shell.add(inspector, 'right', { rank: 900 });
      shell.activateById(inspector.id);
    },
  });

  commands.addCommand('ncd:draw', {
    label: 'Draw Diagram',
    caption: 'Draw the module, class, function or diagram whose name is selected',
    iconClass: 'ncd-icon',
    execute: async () => {
      const panel = tracker.currentWidget;
      const kernel = panel?.sessionContext.session?.kernel;
      const editor = tracker.activeCell?.editor as CodeMirrorEditor | null | undefined;
      if (!panel || !editor) return;
      try {
        if (!kernel) throw new Error('The notebook has no kernel.');
        const { code, sure } = await line(kernel, named(editor));
        const given = sure ? code : await asked(code);
        if (!given) return;
        NotebookActions.insertBelow(panel.content);
        panel.content.activeCell?.model.sharedModel.setSource(given);
        await NotebookActions.run(panel.content, panel.sessionContext);
      } catch (error) {
        say(error);
      }
    },
  });

  commands.addCommand('ncd:show-code', {
    label: 'Show Code of Operation',
    isEnabled: () => !!figure()?.selected,
    execute: () => {
      const from = figure();
      const [place] = from ? from.places(from.selected) : [];
      if (from && place) reveal(tracker, from.root, place);
    },
  });

  commands.addCommand('ncd:export', {
    label: (args) => `Export Diagram as ${FORMATS[args.format as Format] ?? '…'}`,
    isEnabled: () => figure() !== null,
    execute: async (args) => {
      try {
        const from = figure();
        if (from) await save(from, args.format as Format);
      } catch (error) {
        say(error);
      }
    },
  });

  palette?.addItem({ command: 'ncd:draw', category: CATEGORY });
  palette?.addItem({ command: 'ncd:inspect', category: CATEGORY });
  palette?.addItem({ command: 'ncd:show-code', category: CATEGORY });
  for (const format of Object.keys(FORMATS)) palette?.addItem({ command: 'ncd:export', category: CATEGORY, args: { format } });
}

function say(error: unknown): void {
  Notification.error(error instanceof Error ? error.message : String(error), { autoClose: 8000 });
}

/** What is selected in an editor, else the name under the cursor. */
function named({ editor }: CodeMirrorEditor): string {
  const { state } = editor;
  const { from, to, head } = state.selection.main;
  const selected = state.sliceDoc(from, to).trim();
  if (selected) return selected;
  const around = state.doc.lineAt(head);
  for (const word of around.text.matchAll(/[\p{L}_][\p{L}\p{N}_.]*/gu)) {
    const at = around.from + word.index;
    if (at <= head && head <= at + word[0].length) return word[0].replace(/\.$/, '');
  }
  return '';
}

async function asked(code: string): Promise<string | null> {
  const { button, value } = await InputDialog.getText({ title: 'Draw diagram', label: 'With inputs of these axes', text: code });
  return button.accept ? value : null;
}
