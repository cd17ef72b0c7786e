/** The line above a figure: where one is, and what one can do. */

import type { Commands } from './keys';
import { button, el, fill, group, h, icon, on, set } from './dom';

/** Nothing to do: it is where one is. */
export type Crumb = readonly [name: string, act?: (() => void) | undefined];

/** One way to take the picture along. */
export type Way = readonly [name: string, act: () => unknown];

export interface Bar {
  readonly root: HTMLElement;
  /** Shows where in the model one is. */
  where(path: readonly Crumb[]): void;
  /** Whether the code is shown. */
  code(on: boolean): void;
}

/** What the buttons do is what the keys do that they name. */
export function bar(commands: Commands, search: HTMLElement, ways: () => readonly Way[], said: (text: string) => void): Bar {
  const crumbs = group('crumbs', 'Where in the model');
  const tool = (d: string, title: string, key: string) => button('button', [icon(d)], () => commands[key]!(), `${title} (${key})`);
  const code = tool('M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5', 'Source code', 'c');
  const menu = h('div', 'menu');
  const take = h('details', 'take', el('summary', 'button', { title: 'Copy or save' }, icon('M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13.5h10')), menu);
  on(take, 'toggle', () => fill(menu, ways().map(([name, act]) => button('item', [name], async () => {
    take.open = false;
    try {
      await act();
      said(`${name}: done`);
    } catch {
      said(`${name}: not allowed here`);
    }
  }))));
  on(take, 'focusout', (e: FocusEvent) => take.contains(e.relatedTarget as Node | null) || (take.open = false));
  return {
    root: h('div', 'top', crumbs, search, group('tools', 'Diagram',
      tool('M3.5 8h9', 'Zoom out', '-'),
      tool('M8 3.5v9M3.5 8h9', 'Zoom in', '+'),
      tool('M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10', 'Show all', '0'),
      code, take,
      tool('M6 6.2a2 2 0 1 1 2.9 1.8c-.6.3-.9.7-.9 1.4M8 11.8v.4', 'Keys', '?'))),
    code: (shown) => set(code, 'aria-pressed', shown),
    where: (path) => fill(crumbs, path.map(([name, go]) => (go ? button('crumb', [name], go) : h('span', 'crumb', name)))),
  };
}
