/** An exported page: the figure that stands in it comes to life. Without this script it is still a picture. */

import type { Document, Handle, Scene } from './document';
import { mount } from './mount';

export function start(page: globalThis.Document): Handle | null {
  const place = page.getElementById('ncd-figure');
  const still = place?.querySelector('svg');
  const data = page.getElementById('ncd-document')?.textContent;
  if (!place || !still || !data) return null;
  const known = JSON.parse(data) as Document;
  const [first, ...rest] = known.scenes;
  const svg = new XMLSerializer().serializeToString(still);
  const view = mount(place, { ...known, scenes: [{ ...(first as Scene), svg }, ...rest] });
  still.remove();
  return view;
}

start(document);
