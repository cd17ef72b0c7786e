/** The notebook widget: a view whose state is shared with Python. */

import type { Facts, Key } from './facts';
import { View } from './view';

/** What of anywidget's model is used here. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  on(event: string, act: () => void): void;
  off(event: string, act: () => void): void;
  save_changes(): void;
}

export function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const tell = (name: string, value: unknown) => {
    model.set(name, value);
    model.save_changes();
  };
  const view = new View(el, {
    onHover: (key) => tell('hovered', key),
    onSelect: (key) => tell('selected', key),
    onToggle: (path, open) => {
      // What is in a block closes with it: when it is opened again it looks as it would have at first.
      const beside = (name: string) => strings(model.get(name)).filter((p) => p !== path && (open || !p.startsWith(`${path}.`)));
      model.set('opened', open ? [...beside('opened'), path] : beside('opened'));
      model.set('closed', open ? beside('closed') : [...beside('closed'), path]);
      model.save_changes();
    },
  });
  const show = () => view.show(String(model.get('svg') ?? ''), facts());
  const facts = () => (model.get('facts') ?? {}) as Facts;
  const watched: Record<string, () => void> = {
    'change:svg': show,
    'change:facts': () => view.setFacts(facts()),
    'change:hovered': () => view.hover(model.get('hovered') as Key),
    'change:selected': () => view.select(model.get('selected') as Key),
  };
  for (const [event, act] of Object.entries(watched)) model.on(event, act);
  show();
  view.select(String(model.get('selected') ?? ''));
  return () => {
    for (const [event, act] of Object.entries(watched)) model.off(event, act);
    view.destroy();
  };
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((v) => typeof v === 'string') : [];
}

export default { render };
