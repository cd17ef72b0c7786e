/** The keys, for whoever asks. */

import { button, el, h, on } from './dom';

const KEYS = `← →	previous, next operation
Shift ← →	against, along the wires
↑ ↓	the axes at the chosen operation
Enter	open or close a block
Backspace	out of a block
l	keep an axis lit
/	find
c	code
+ − 0, Ctrl + wheel, pinch	nearer, farther, all
drag, Alt + arrows	move
Esc	let go`;

export function help(): HTMLDialogElement {
  const rows = KEYS.split(/[\n\t]/).map((text, i) => h(i % 2 ? 'dd' : 'dt', '', text));
  const root = el('dialog', 'help', { 'aria-label': 'Keys' }, h('dl', 'rows', ...rows));
  root.append(button('action', ['Close'], () => root.close()));
  on(root, 'keydown', (e: Event) => e.stopPropagation());
  return root;
}
