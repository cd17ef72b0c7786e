/** What a figure knows about the things in it, and how to say it. */

export const KINDS = ['op', 'axis', 'array', 'block'] as const;
export type Kind = (typeof KINDS)[number];

/** One thing in the figure, as `axis:3`; no thing is ''. */
export type Key = string;

export type Fact = Readonly<Record<string, unknown>>;
export type Facts = Readonly<Partial<Record<Kind, Readonly<Record<string, Fact>>>>>;

export function key(kind: Kind, id: string | number): Key {
  return `${kind}:${id}`;
}

/** The parts of a key, or null if it is none. A block's id may itself hold a colon. */
export function parts(of: Key): { kind: Kind; id: string } | null {
  const cut = of.indexOf(':');
  const kind = KINDS.find((k) => k === of.slice(0, cut));
  return kind ? { kind, id: of.slice(cut + 1) } : null;
}

export function factOf(facts: Facts, of: Key): Fact | null {
  const p = parts(of);
  const known = p && facts[p.kind];
  return (known && Object.hasOwn(known, p.id) && known[p.id]) || null;
}

/** Never said: drawn anyway, or ids that mean nothing to a reader. */
const UNSAID = 'title name label axes ins outs at kind cls repeat'.split(' ');

/** What a thing is called: `layer_norm`, `Attention`, `d_model`; and what kind of thing that is. */
export function titled(facts: Facts, of: Key): { kind: string; name: string } {
  const p = parts(of);
  if (!p) return { kind: '', name: '' };
  const fact = factOf(facts, of) ?? {};
  const name = ['title', 'name'].map((k) => fact[k]).find((v) => typeof v === 'string' && v);
  return { kind: closedBlock(facts, of) ? 'closed block' : p.kind === 'op' ? 'operation' : p.kind, name: String(name ?? p.id) };
}

/** What else is known, as rows of a name and a value, both words. */
export function rows(facts: Facts, of: Key): [string, string][] {
  return Object.entries(factOf(facts, of) ?? {})
    .filter(([k, v]) => !UNSAID.includes(k) && v && String(v))
    .map(([k, v]) => [k.replaceAll('_', ' '), k === 'share' && typeof v === 'number' ? `${Number((100 * v).toPrecision(3))} %` : say(k === 'source' ? file(v) : v)]);
}

/** The path of the closed block that an op stands for, or ''. */
export function closedBlock(facts: Facts, of: Key): string {
  const block = of.startsWith('op:') ? factOf(facts, of)?.block : '';
  return typeof block === 'string' ? block : '';
}

/** Ids in a fact's list, whatever is there. */
export function ids(fact: Fact | null, name: string): string[] {
  const list = fact?.[name];
  return Array.isArray(list) ? list.map(String) : [];
}

/** A place in the code by its file's own name; a notebook's cell has none that anyone knows. */
export function file(place: unknown): string {
  return String(place).replace(/^.*ipykernel_\d+[\\/]\d+\.py/, 'cell').replace(/^.*[\\/]/, '');
}

/** Numbers as people write them. */
export function say(v: unknown): string {
  if (Array.isArray(v)) return v.map(say).join(', ');
  if (v && typeof v === 'object') return Object.entries(v).map(([k, x]) => `${k} ${say(x)}`).join(', ');
  if (typeof v !== 'number') return String(v ?? '');
  const large = Math.abs(v) >= 1e9;
  return Number.isInteger(v) || large ? v.toLocaleString('en', large ? { notation: 'compact', maximumFractionDigits: 2 } : {}) : String(Number(v.toPrecision(4)));
}
