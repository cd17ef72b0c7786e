/** What is pointed at, in a few words beside it and never over it. */

import { clamp } from './camera';
import { type Box, el, fill } from './dom';

const GAP = 14;

export interface Tip {
  /** Shows content below a box of the window, or above or beside it where there is no room below. */
  show(content: readonly Node[], by: Box): void;
  hide(): void;
}

export function tip(parent: HTMLElement): Tip {
  const box = el('div', 'tip', { popover: 'manual', 'aria-hidden': 'true' }); // the status line says the same
  parent.append(box);
  return {
    show(content, [left, top, right, bottom]) {
      fill(box, content);
      box.showPopover?.(); // over all else, wherever the figure ends
      const { width, height } = box.getBoundingClientRect();
      const below = bottom + GAP + height <= innerHeight;
      const above = top - GAP - height;
      const x = below || above > 2 ? (left + right - width) / 2 : right + GAP + width < innerWidth ? right + GAP : left - GAP - width;
      const y = below ? bottom + GAP : Math.max(2, above);
      box.style.transform = `translate(${Math.round(clamp(x, 2, innerWidth - width - 2))}px, ${Math.round(y)}px)`;
    },
    hide() {
      if (!box.childElementCount) return;
      box.hidePopover?.();
      fill(box, []);
    },
  };
}
