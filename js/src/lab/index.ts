/** The part of ncd that knows the application: its notebooks, kernels, editors, menus and panels. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IEditorExtensionRegistry } from '@jupyterlab/codemirror';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { Place } from '../document';
import { onAsked } from './ask';
import { linkCode, panelOf, reveal } from './code';
import { addCommands } from './commands';
import { Inspector } from './inspector';
import { drawn } from './kernel';
import { load, type Settings } from './settings';

const ID = 'ncd:plugin';

const plugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Links diagrams to the code and the kernel of their notebook.',
  autoStart: true,
  requires: [INotebookTracker, IEditorExtensionRegistry],
  optional: [ICommandPalette, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    editors: IEditorExtensionRegistry,
    palette: ICommandPalette | null,
    registry: ISettingRegistry | null,
  ) => {
    const settings: Settings = { lightCode: true, lightOps: true, askKernel: true };
    void load(registry, ID, settings).catch((reason) => console.error('ncd: no settings', reason));
    linkCode(tracker, editors, settings);
    onAsked((from, request) => {
      const kernel = panelOf(tracker, from)?.sessionContext.session?.kernel;
      return kernel && settings.askKernel ? drawn(kernel, request) : null;
    });
    document.addEventListener('ncd:code', (event) => {
      const { detail, target } = event as CustomEvent<{ place: Place; shown: boolean }>;
      detail.shown = reveal(tracker, target as Element, detail.place);
    });
    const inspector = new Inspector((from, key) => {
      const [place] = from.places(key);
      if (place) reveal(tracker, from.root, place);
    });
    addCommands(app, tracker, palette, inspector);
  },
};

export default plugin;
