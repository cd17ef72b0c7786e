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
  return known && Object.hasOwn(known, p.id) ? (known[p.id] ?? null) : null;
}

/** Said first, in this order; whatever else is known comes behind. */
const FIRST = ['words', 'weave', 'shapes', 'size', 'shape', 'turns', 'parameters', 'shared', 'flops', 'share', 'block', 'path', 'source'];
/** Never said: drawn anyway, or ids that mean nothing to a reader. */
const UNSAID = ['title', 'name', 'label', 'axes', 'ins', 'outs', 'at', 'kind', 'cls', 'repeat'];

/** What a thing is called: `layer_norm`, `Attention`, `d_model`; and what kind of thing that is. */
export function titled(facts: Facts, of: Key): { kind: string; name: string } {
  const p = parts(of);
  if (!p) return { kind: '', name: '' };
  const fact = factOf(facts, of) ?? {};
  const name = ['title', 'name'].map((k) => fact[k]).find((v) => typeof v === 'string' && v);
  return { kind: closedBlock(facts, of) ? 'closed block' : p.kind === 'op' ? 'operation' : p.kind, name: String(name ?? p.id) };
}

/** A fact as rows of a name and a value, both words. */
export function rows(facts: Facts, of: Key): [string, string][] {
  const fact = factOf(facts, of);
  if (!fact) return [];
  const keys = [...new Set([...FIRST.filter((k) => Object.hasOwn(fact, k)), ...Object.keys(fact)])];
  return keys.filter((k) => !UNSAID.includes(k) && !isEmpty(fact[k])).map((k) => [k.replaceAll('_', ' '), value(k, fact[k])]);
}

/** A fact in a line: its name, what it does, where it is in the model and in the code. Never markup. */
export function words(facts: Facts, of: Key): string {
  const { kind, name } = titled(facts, of);
  if (!kind || (kind !== 'block' && !factOf(facts, of))) return '';
  return [`${kind} ${name}`, ...rows(facts, of).map(([k, v]) => (k === 'words' ? v : `${k}: ${v}`))].join('  ·  ');
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
  if (v !== null && typeof v === 'object') return Object.entries(v).map(([k, x]) => `${k} ${say(x)}`).join(', ');
  if (typeof v !== 'number') return String(v);
  if (Number.isInteger(v) && Math.abs(v) < 1e9) return v.toLocaleString('en');
  return Math.abs(v) >= 1e6 ? v.toLocaleString('en', { notation: 'compact', maximumFractionDigits: 2 }) : String(Number(v.toPrecision(4)));
}

function value(name: string, v: unknown): string {
  if (name === 'source') return file(v);
  if (name === 'share' && typeof v === 'number') return `${Number((100 * v).toPrecision(3))} %`;
  return say(v);
}

function isEmpty(v: unknown): boolean {
  return v === null || v === undefined || v === '' || v === 0 || (Array.isArray(v) && v.length === 0);
}
