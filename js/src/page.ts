/** An exported page: the figure that stands in it comes to life. Without this script it is still a picture. */

import type { Facts } from './facts';
import { View } from './view';

interface Document {
  readonly scenes?: readonly { readonly facts?: Facts }[];
}

export function start(page: globalThis.Document): View | null {
  const place = page.getElementById('ncd-figure');
  const still = place?.querySelector('svg');
  const data = page.getElementById('ncd-document')?.textContent;
  if (!place || !still || !data) return null;
  const text = new XMLSerializer().serializeToString(still);
  const known = (JSON.parse(data) as Document).scenes?.[0]?.facts ?? {};
  const view = new View(place);
  still.remove();
  view.show(text, known);
  return view;
}

start(document);
