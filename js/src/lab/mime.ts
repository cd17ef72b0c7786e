/** What draws `application/vnd.ncd.v1+json` in a cell's output, and opens `*.ncd.json` files. */

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';
import type { Document, Handle, Place, Scene } from '../document';
import { held } from '../held';
import css from '../style.css';
import { ask } from './ask';
import own from './style.css';

const MIME = 'application/vnd.ncd.v1+json';

const style = document.createElement('style');
style.textContent = css + own;
document.head.append(style);

class Renderer extends Widget implements IRenderMime.IRenderer {
  private shown: Handle | null = null;

  constructor() {
    super();
    this.addClass('ncd-output');
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const data = model.data[MIME] as unknown as Document;
    const document = whole(data, model.data['image/svg+xml']);
    if (this.shown) this.shown.show(document);
    else this.shown = held(this.node, document, { onToggle: (path, open) => this.toggle(path, open), onCode: (place) => this.code(place) });
  }

  override dispose(): void {
    this.shown?.dispose();
    super.dispose();
  }

  /** Asks the kernel for the picture with a block open or closed; false if there is no answer. */
  private async toggle(path: string, open: boolean): Promise<boolean> {
    const { shown } = this;
    const now = Object.keys(shown?.scene?.facts.block ?? {});
    const without = now.filter((p) => p !== path && !p.startsWith(`${path}.`));
    const diagram = shown?.document?.diagram;
    try {
      const answer = diagram && (await ask(this.node, { diagram, open: open ? [...now, path] : without }));
      if (!shown || !answer || !answer.document) return false;
      shown.show({ ...answer.document, diagram });
      return true;
    } catch (error) {
      console.warn('ncd:', error);
      return false;
    }
  }

  private code(place: Place): boolean {
    const detail = { place, shown: false };
    this.node.dispatchEvent(new CustomEvent('ncd:code', { bubbles: true, detail }));
    return detail.shown;
  }
}

/** The picture stands beside in a cell's output, for hosts that know nothing else, and without what makes it dark. */
function whole(held: Document, beside: unknown): Document {
  if (!held.scenes?.length) throw new Error('No picture is in this file: of a diagram as data one is made by ncd.Diagram.from_json(…).save("name.ncd.json").');
  const [first, ...rest] = held.scenes;
  const { svg, night = '', ...known } = first as Scene & { night?: string };
  const picture = svg ?? [beside ?? ''].flat().join('').replace('\n</style>', () => `${night}\n</style>`);
  return { ...held, scenes: [{ ...known, svg: picture }, ...rest] };
}

const extension: IRenderMime.IExtension = {
  id: 'ncd:renderer',
  rendererFactory: { safe: true, mimeTypes: [MIME], createRenderer: () => new Renderer() },
  rank: 0,
  dataType: 'json',
  fileTypes: [{ name: 'ncd', displayName: 'Neural circuit diagram', extensions: ['.ncd.json'], mimeTypes: [MIME] }],
  documentWidgetFactoryOptions: { name: 'Diagram', primaryFileType: 'ncd', fileTypes: ['ncd'], defaultFor: ['ncd'] },
};

export default extension;
