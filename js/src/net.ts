/** How the operations and wires of one scene hang together, and names for them that outlast a drawing. */

import { closedBlock, factOf, ids, type Key, key, type Known, isOp, parts, pathOf, push } from './facts';

export interface Net extends Known {
  /** Operations in execution order. */
  readonly ops: readonly Key[];
  /** The axes that are drawn, the most frequent first. */
  readonly axes: readonly Key[];
  /** A name that holds in another drawing of the same model: by path and name, not by position. */
  name(of: Key): string;
  find(name: unknown): Key;
  axesOf(array: string): Key[];
  /** The arrays on the wires of an operation. */
  arrays(op: Key): Key[];
  /** The axes on the wires of an operation. */
  around(op: Key): Key[];
  /** The operations that have an axis on a wire, a block's, or the operation itself. */
  opsOf(of: Key): readonly Key[];
  /** The operation that stands for a closed block, or ''. */
  closed(path: string): Key;
  /** Where in the model a thing is: the path of a block. */
  path(of: Key): string;
  /** Along the wires: an operation that reads what this one makes, or that makes what it reads. */
  along(op: Key, by: 1 | -1): Key;
}

export function net(known: Known, elements: ReadonlyMap<Key, readonly Element[]>): Net {
  const of = (kind: string) => [...elements.keys()].filter((k) => k.startsWith(`${kind}:`));
  const number = (k: Key) => +parts(k)[1];
  const many = (k: Key) => elements.get(k)?.length ?? 0;
  const ops = of('op').sort((a, b) => number(a) - number(b));
  const axes = of('axis').sort((a, b) => many(b) - many(a));
  const names = new Map<Key, string>();
  const keys = new Map<string, Key>();
  const makers = new Map<string, Key>();
  const readers = new Map<string, Key>();
  const onAxis = new Map<Key, Key[]>();

  const array = (id: string) => factOf(known, key('array', id));
  const axesOf = (id: string) => ids(array(id), 'axes').map((a) => key('axis', a));
  const ends = (op: Key, ...sides: string[]) => [...new Set(sides.flatMap((side) => ids(factOf(known, op), side)))];
  /** But for parameters and constants: those are drawn inside the symbol that uses them. */
  const visible = (op: Key) => ends(op, 'ins', 'outs').filter((a) => !array(a).kind);
  const around = (op: Key) => [...new Set(visible(op).flatMap(axesOf))];
  const path = (k: Key) => closedBlock(known, k) || pathOf(k) || String(factOf(known, k).path ?? '');

  for (const k of [...ops, ...axes, ...of('block')]) {
    const { name: named = '' } = factOf(known, k);
    const base = pathOf(k) ? k : isOp(k) ? `op:${path(k)}/${named}` : `axis:${named}`;
    let name = base;
    for (let n = 1; keys.has(name); n++) name = `${base}#${n}`;
    names.set(k, name);
    keys.set(name, k);
  }
  for (const op of ops) {
    for (const a of ends(op, 'outs')) makers.set(a, op);
    for (const a of ends(op, 'ins')) if (!readers.has(a)) readers.set(a, op);
    for (const axis of around(op)) push(onAxis, axis, op);
  }
  const closed = (at: string) => ops.find((k) => at && closedBlock(known, k) === at) ?? '';
  return {
    facts: known.facts, ops, axes, axesOf, path,
    name: (k) => names.get(k) ?? '',
    closed,
    find: (name) => keys.get(String(name)) ?? closed(pathOf(String(name))),
    arrays: (op) => visible(op).map((a) => key('array', a)),
    around: (op) => around(op).filter((a) => names.has(a)),
    opsOf(k) {
      if (isOp(k)) return [k];
      const within = pathOf(k);
      return within ? ops.filter((op) => `${path(op)}.`.startsWith(`${within}.`)) : (onAxis.get(k) ?? []);
    },
    along: (op, by) => (by > 0 ? ends(op, 'outs').map((a) => readers.get(a)) : ends(op, 'ins').map((a) => makers.get(a))).find(Boolean) ?? '',
  };
}
