/** What draws `application/vnd.ncd.v1+json` in a cell's output, and opens `*.ncd.json` files. */

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';
import type { Document, Scene } from '../document';
import { type Handle, mount } from '../mount';
import css from '../style.css';

const MIME = 'application/vnd.ncd.v1+json';

const style = document.createElement('style');
style.textContent = css;
document.head.append(style);

class Renderer extends Widget implements IRenderMime.IRenderer {
  private shown: Handle | null = null;

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const held = model.data[MIME] as unknown as Document;
    const [first, ...rest] = held.scenes;
    // In a cell's output the picture stands beside, for hosts that know nothing else.
    const svg = (first as Scene).svg ?? String(model.data['image/svg+xml']);
    const document = { ...held, scenes: [{ ...(first as Scene), svg }, ...rest] };
    if (this.shown) this.shown.show(document);
    else this.shown = mount(this.node, document);
  }

  override dispose(): void {
    this.shown?.dispose();
    super.dispose();
  }
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
