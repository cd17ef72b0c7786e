/** The notebook widget: a view whose state is shared with Python. */

import type { Document, State, Values } from './document';
import type { Key } from './facts';
import { mount } from './mount';

/** What of anywidget's model is used here. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  on(event: string, act: () => void): void;
  off(event: string, act: () => void): void;
  save_changes(): void;
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const tell = (name: string, value: unknown) => {
    model.set(name, value);
    model.save_changes();
  };
  const view = mount(el, model.get('document') as Document, {
    onHover: (key) => tell('hovered', key),
    onSelect: (key) => tell('selected', key),
    onState: (state) => tell('state', state),
    onToggle: (path, open) => {
      // What is in a block closes with it: when it is opened again it looks as it would have at first.
      const beside = (name: string) => (model.get(name) as string[]).filter((p) => p !== path && (open || !p.startsWith(`${path}.`)));
      model.set('opened', open ? [...beside('opened'), path] : beside('opened'));
      model.set('closed', open ? beside('closed') : [...beside('closed'), path]);
      model.save_changes();
    },
  });
  const watched: Record<string, () => void> = {
    document: () => view.show(model.get('document') as Document),
    hovered: () => view.hover(model.get('hovered') as Key),
    selected: () => view.select(model.get('selected') as Key),
    marked: () => view.mark(model.get('marked') as Key[]),
    values: () => view.setValues(model.get('values') as Values),
    state: () => view.restore(model.get('state') as State),
  };
  for (const [name, act] of Object.entries(watched)) {
    model.on(`change:${name}`, act);
    if (name !== 'document' && model.get(name)) act();
  }
  return () => {
    for (const [name, act] of Object.entries(watched)) model.off(`change:${name}`, act);
    view.dispose();
  };
}

export default { render };
