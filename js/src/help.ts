/** The keys, for whoever asks. */

import { button, h } from './dom';

const KEYS = `← →	previous, next operation
Shift ← →	against, along the wires
↑ ↓	the axes at the chosen operation
Enter	open or close a block
Backspace	out of a block
l	keep an axis lit, or no longer
/	find
c	source code
+ − 0, Ctrl + wheel, pinch	nearer, farther, all
drag, Alt + arrows	move
Esc	let go`;

export function help(): { root: HTMLElement; toggle(): void } {
  const list = h('dl', 'ncd-keys');
  for (const line of KEYS.split('\n')) {
    const [k, what] = line.split('\t');
    list.append(h('dt', '', {}, k!), h('dd', '', {}, what!));
  }
  const close = button('Close', 'Close', () => toggle(), 'ncd-link');
  const root = h('div', 'ncd-help', { role: 'dialog', 'aria-label': 'Keys' }, list, close);
  let back: HTMLElement | null = null;
  const toggle = () => {
    root.hidden = !root.hidden;
    if (root.hidden) return back?.focus();
    back = document.activeElement as HTMLElement | null;
    close.focus();
  };
  root.hidden = true;
  root.addEventListener('keydown', (e) => {
    if (e.key === 'Escape' || e.key === '?') toggle();
    e.stopPropagation();
  });
  return { root, toggle };
}
