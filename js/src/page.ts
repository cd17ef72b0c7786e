/** An exported page: the figure that stands in it comes to life. Without this script it is still a picture. */

import type { Document, Handle, Scene, State } from './document';
import { held } from './held';
import { unpacked } from './share';

const MARK = '#ncd=';

export function start(page: globalThis.Document): Handle | null {
  const place = page.getElementById('ncd-figure');
  const still = place?.querySelector('svg');
  const data = page.getElementById('ncd-document')?.textContent;
  if (!place || !still || !data) return null;
  const known = JSON.parse(data) as Document;
  const [first, ...rest] = known.scenes;
  const svg = new XMLSerializer().serializeToString(still);
  const link = (state: State) => `${location.href.split('#')[0]}${MARK}${encodeURIComponent(JSON.stringify(state))}`;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const view = held(place, { ...known, scenes: [{ ...(first as Scene), svg }, ...rest] }, {
    link,
    ...(known.tikz && { tikz: () => unpacked(known.tikz!) }),
    onState: (state) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => history.replaceState(null, '', link(state)), 200); // browsers allow so many a second
    },
  });
  still.remove();
  const look = () => {
    const state = read(location.hash);
    if (state) view.restore(state);
  };
  look();
  addEventListener('hashchange', look);
  return view;
}

/** What a link says of the view, if it says anything. */
export function read(hash: string): State | null {
  if (!hash.startsWith(MARK)) return null;
  try {
    const state: unknown = JSON.parse(decodeURIComponent(hash.slice(MARK.length)));
    return state && typeof state === 'object' ? (state as State) : null;
  } catch {
    return null;
  }
}

start(document);
