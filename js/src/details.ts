/** What is known of one thing: in a few lines beside the pointer, or at length in the side pane. */

import type { Values } from './document';
import { axisName, button, h, pointed } from './dom';
import { closedBlock, factOf, file, ids, isOp, type Key, key, rows, say, titled } from './facts';
import { heat } from './heat';
import type { Net } from './net';

export interface Acts {
  hover(key: Key): void;
  choose(key: Key): void;
  /** The inside of a block can be seen. */
  opens(path: string): boolean;
  open(path: string): void;
  code(key: Key): void;
}

const BRIEF = ['turns', 'parameters', 'flops', 'share'];
const MOST = 24;

/** Beside the pointer: the name, what it does, its sizes, and what ran through it. */
export function brief(net: Net, of: Key, array: Key, values: Values): Node[] {
  const [kind, name] = titled(net, of);
  const fact = factOf(net, of);
  const axis = kind === 'axis';
  const out: Node[] = [h('div', 'head', h('b', '', axis ? axisName(fact) : name), h('span', 'kind', (fact.as as string) || kind))];
  const line = (...text: (Node | string)[]) => text[0] && out.push(h('div', 'kind', ...text));
  const said = rows(net, of).filter(([k]) => BRIEF.includes(k)).map(([k, v]) => (k === 'turns' ? v : `${k} ${v}`));
  if (axis) line(`size ${say(fact.size)}, met by ${net.opsOf(of).length} operations`);
  if (axis && array) line('in ', ...shape(net, array.slice(6)));
  line(say(fact.words));
  if (isOp(of)) line(say(fact.shapes));
  said.forEach((text) => line(text));
  line(net.path(of));
  const shown = heat(values[axis ? array.slice(6) : (ids(fact, 'outs')[0] ?? '')]);
  return shown ? [...out, shown] : out;
}

/** In the side pane. */
export function details(net: Net, of: Key, values: Values, acts: Acts): Node[] {
  const [kind, name] = titled(net, of);
  const fact = factOf(net, of);
  const path = net.path(of);
  const block = closedBlock(net, of) || (kind === 'block' && path);
  const out: Node[] = [
    h('div', 'kind', [kind, isOp(of) && !block ? fact.kind : ''].filter(Boolean).join(' · ')),
    h('h2', 'title', kind === 'axis' ? axisName(fact) : name),
  ];
  for (const k of ['words', 'weave']) if (fact[k]) out.push(h('p', k, say(fact[k])));
  if (block && acts.opens(block)) out.push(button('action', ['Open'], () => acts.open(block)));
  if (fact.at) out.push(button('action', ['Show code'], () => acts.code(of)));
  const table = h('dl', 'rows');
  const row = (k: string, ...v: (Node | string)[]) => table.append(h('dt', '', k), h('dd', '', ...v));
  const link = (to: Key, ...content: (Node | string)[]) => {
    const made = button('link', content, () => acts.choose(to));
    pointed(made, (on) => acts.hover(on ? to : ''));
    return made;
  };
  for (const side of ['in', 'out']) {
    for (const id of ids(fact, `${side}s`)) {
      const array = factOf(net, key('array', id));
      if (array.kind && array.kind !== 'parameter') continue;
      const named = String(array.name ?? '').replace(path && `${path}.`, '');
      const shown = heat(values[id]);
      row(array.kind ? 'weights' : side, ...(named ? [h('span', 'kind', named), ' '] : []), ...shape(net, id, link), ...(shown ? [shown] : []));
    }
  }
  for (const [k, v] of rows(net, of)) row(k, v);
  const ops = kind === 'axis' ? net.opsOf(of) : [];
  if (ops.length) row('met by', ...ops.slice(0, MOST).map((op) => link(op, titled(net, op)[1])), ops.length > MOST ? `and ${ops.length - MOST} more` : '');
  if (path) row('path', path);
  if (fact.source) row('source', file(fact.source));
  return [...out, table];
}

/** The axes of an array with their sizes, or its shape where axes are not known. */
function shape(net: Net, id: string, pointed?: (to: Key, ...content: Node[]) => Node): (Node | string)[] {
  const axes = net.axesOf(id);
  if (!axes.length) return [`[${say(factOf(net, key('array', id)).shape)}]`];
  return axes.flatMap((axis) => {
    const known = factOf(net, axis);
    const words = [axisName(known), h('span', 'size', say(known.size))];
    return [pointed ? pointed(axis, ...words) : h('span', '', ...words), ' '];
  });
}
