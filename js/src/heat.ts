/** Numbers that ran through a wire: a line of statistics and a small picture. */

import type { Value } from './document';
import { el, h } from './dom';
import { say } from './facts';

const IMAGE = /^data:image\/png;base64,[\w+/=]*$/;

export function heat(value: Value | undefined): HTMLElement | null {
  if (!value) return null;
  const stats = Object.entries(value.stats ?? {}).map(([k, v]) => `${k} ${say(v)}`);
  const box = h('div', 'value', h('div', 'kind', stats.join('  ·  ')));
  const map = value.heat;
  if (map && IMAGE.test(map.image)) {
    const words = [map.caption, map.scale].filter(Boolean).join('; ');
    box.append(el('img', 'heat', { src: map.image, alt: words, width: map.width }), h('div', 'kind', words));
  }
  return box;
}
