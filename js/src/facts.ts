/** What a figure knows about the things in it, and how to say it. */

export const KINDS = ['op', 'axis', 'array', 'block'] as const;
export type Kind = (typeof KINDS)[number];

/** One thing in the figure, as `axis:3`; no thing is ''. */
export type Key = string;

export type Fact = Readonly<Record<string, unknown>>;
export type Facts = Readonly<Partial<Record<Kind, Readonly<Record<string, Fact>>>>>;

/** Whatever has facts: a scene, or the net that was made of it. */
export interface Known {
  readonly facts: Facts;
}

export function key(kind: Kind, id: string | number): Key {
  return `${kind}:${id}`;
}

/** One more in the list at a key. */
export function push<K, V>(to: Map<K, V[]>, at: K, value: V): void {
  const known = to.get(at);
  if (known) known.push(value);
  else to.set(at, [value]);
}

/** The parts of a key, empty if it is none. A block's id may itself hold a colon. */
export function parts(of: Key): [kind: Kind | '', id: string] {
  const cut = of.indexOf(':');
  const kind = of.slice(0, cut) as Kind;
  return KINDS.includes(kind) ? [kind, of.slice(cut + 1)] : ['', ''];
}

export function isOp(of: Key): boolean {
  return of.startsWith('op:');
}

/** The path of an open block, or ''. */
export function pathOf(of: Key): string {
  return of.startsWith('block:') ? of.slice(6) : '';
}

export function factOf(known: Known, of: Key): Fact {
  const [kind, id] = parts(of);
  const facts = (kind && known.facts[kind]) || {};
  return (Object.hasOwn(facts, id) && facts[id]) || {};
}

/** Said in other ways, drawn anyway, or ids that mean nothing to a reader. */
const UNSAID = 'title name label axes ins outs at kind cls repeat within words weave shapes shape source path block'.split(' ');

/** What a thing is called: `layer_norm`, `Attention`, `d_model`; and what kind of thing that is. */
export function titled(known: Known, of: Key): [kind: string, name: string] {
  const [kind, id] = parts(of);
  const { title, name } = factOf(known, of);
  return [closedBlock(known, of) ? 'closed block' : kind === 'op' ? 'operation' : kind, String(title || name || id)];
}

/** What else is known, as rows of a name and a value, both words. */
export function rows(known: Known, of: Key): [string, string][] {
  return Object.entries(factOf(known, of))
    .filter(([k, v]) => !UNSAID.includes(k) && v && String(v))
    .map(([k, v]) => [k.replaceAll('_', ' '), say(v)]);
}

/** The path of the closed block that an op stands for, or ''. */
export function closedBlock(known: Known, of: Key): string {
  return isOp(of) ? String(factOf(known, of).block ?? '') : '';
}

/** Ids in a fact's list, whatever is there. */
export function ids(fact: Fact, name: string): string[] {
  const list = fact[name];
  return Array.isArray(list) ? list.map(String) : [];
}

export function finite(list: unknown): list is number[] {
  return Array.isArray(list) && list.every(Number.isFinite);
}

/** A place in the code by its file's own name; a notebook's cell has none that anyone knows. */
export function file(place: unknown): string {
  return String(place).replace(/^.*ipykernel_.*\.py/, 'cell').replace(/^.*[\\/]/, '');
}

/** Numbers as people write them. */
export function say(v: unknown): string {
  if (Array.isArray(v)) return v.map(say).join(', ');
  if (typeof v !== 'number') return String(v ?? '');
  const large = Math.abs(v) >= 1e9;
  return Number.isInteger(v) || large ? v.toLocaleString('en', large ? { notation: 'compact', maximumFractionDigits: 2 } : {}) : String(+v.toPrecision(4));
}
