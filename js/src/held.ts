/** The insides of closed blocks that a document holds, for where nobody can be asked to draw a block open. */

import type { Callbacks, Document, Handle, Packed, Scene } from './document';
import { mount } from './mount';
import { unpacked } from './share';

/** As `mount`, but closed blocks can be entered. */
export function held(element: HTMLElement, document: Document, callbacks: Callbacks): Handle {
  const view = mount(element, document, { ...callbacks, enter });
  return view;

  function enter(path: string) {
    const data = view?.document ?? document;
    const at = path ? (data.insides?.[path] ?? -1) : 0;
    const entry = data.scenes[at];
    if (!entry) return undefined;
    return async () => view.show({ ...data, at, scenes: data.scenes.with(at, await opened(entry)), changed: [] });
  }
}

async function opened(entry: Scene | Packed): Promise<Scene> {
  return 'svg' in entry ? entry : { ...(JSON.parse(await unpacked(entry.packed)) as Scene), path: entry.path };
}
