/** How the operations and wires of one scene hang together, and names for them that outlast a drawing. */

import { closedBlock, factOf, type Facts, ids, type Key, key, parts } from './facts';

export interface Net {
  readonly facts: Facts;
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

export function net(facts: Facts, elements: ReadonlyMap<Key, readonly Element[]>): Net {
  const of = (kind: string) => [...elements.keys()].filter((k) => k.startsWith(`${kind}:`));
  const number = (k: Key) => Number(parts(k)?.id);
  const many = (k: Key) => elements.get(k)?.length ?? 0;
  const ops = of('op').sort((a, b) => number(a) - number(b));
  const axes = of('axis').sort((a, b) => many(b) - many(a));
  const names = new Map<Key, string>();
  const keys = new Map<string, Key>();
  const makers = new Map<string, Key>();
  const readers = new Map<string, Key>();
  const onAxis = new Map<Key, Key[]>();

  const array = (id: string) => factOf(facts, key('array', id));
  const axesOf = (id: string) => ids(array(id), 'axes').map((a) => key('axis', a));
  const ends = (op: Key, ...sides: string[]) => [...new Set(sides.flatMap((side) => ids(factOf(facts, op), side)))];
  /** But for parameters and constants: those are drawn inside the symbol that uses them. */
  const visible = (op: Key) => ends(op, 'ins', 'outs').filter((a) => !array(a)?.kind);
  const around = (op: Key) => [...new Set(visible(op).flatMap(axesOf))];
  const path = (k: Key) => closedBlock(facts, k) || (k.startsWith('block:') ? k.slice(6) : String(factOf(facts, k)?.path ?? ''));

  for (const k of [...ops, ...axes, ...of('block')]) {
    const { kind, id } = parts(k)!;
    const fact = factOf(facts, k);
    const base = kind === 'block' ? k : kind === 'op' ? `op:${path(k)}/${String(fact?.name ?? '')}` : `axis:${String(fact?.name ?? id)}`;
    let name = base;
    for (let n = 1; keys.has(name); n++) name = `${base}#${n}`;
    names.set(k, name);
    keys.set(name, k);
  }
  for (const op of ops) {
    for (const a of ends(op, 'outs')) makers.set(a, op);
    for (const a of ends(op, 'ins')) if (!readers.has(a)) readers.set(a, op);
    for (const axis of around(op)) {
      const known = onAxis.get(axis);
      if (known) known.push(op);
      else onAxis.set(axis, [op]);
    }
  }
  return {
    facts, ops, axes, axesOf, path,
    name: (k) => names.get(k) ?? '',
    find: (name) => keys.get(String(name)) ?? '',
    arrays: (op) => visible(op).map((a) => key('array', a)),
    around: (op) => around(op).filter((a) => names.has(a)),
    closed: (at) => ops.find((k) => closedBlock(facts, k) === at) ?? '',
    opsOf(k) {
      if (k.startsWith('op:')) return [k];
      if (!k.startsWith('block:')) return onAxis.get(k) ?? [];
      return ops.filter((op) => path(op) === k.slice(6) || path(op).startsWith(`${k.slice(6)}.`));
    },
    along: (op, by) => (by > 0 ? ends(op, 'outs').map((a) => readers.get(a)) : ends(op, 'ins').map((a) => makers.get(a))).find(Boolean) ?? '',
  };
}
