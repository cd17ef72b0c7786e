/** What a figure knows about the things in it, and how to say it in a line. */

export const KINDS = ['op', 'axis', 'array', 'block'] as const;
export type Kind = (typeof KINDS)[number];

/** One thing in the figure, as `axis:3`; no thing is ''. */
export type Key = string;

export type Fact = Readonly<Record<string, unknown>>;
export type Facts = Readonly<Partial<Record<Kind, Readonly<Record<string, Fact>>>>>;

export function key(kind: Kind, id: string): Key {
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
const FIRST = ['weave', 'shapes', 'size', 'repeat', 'block', 'path', 'source'];
/** Never said: drawn anyway, or ids that mean nothing to a reader. */
const UNSAID = ['title', 'name', 'label', 'axes'];

/** What a thing is called, and what kind of thing it is. */
export function titled(facts: Facts, of: Key): { kind: string; name: string } {
  const p = parts(of);
  if (!p) return { kind: '', name: '' };
  const fact = factOf(facts, of) ?? {};
  const name = ['title', 'name'].map((k) => fact[k]).find((v) => typeof v === 'string' && v);
  return { kind: closedBlock(facts, of) ? 'closed block' : p.kind, name: String(name ?? p.id) };
}

/** A fact as rows of a name and a value, both words. */
export function rows(facts: Facts, of: Key): [string, string][] {
  const fact = factOf(facts, of) ?? {};
  const keys = [...new Set([...FIRST.filter((k) => Object.hasOwn(fact, k)), ...Object.keys(fact)])];
  return keys
    .filter((k) => !UNSAID.includes(k) && !isEmpty(fact[k]) && !(k === 'repeat' && fact[k] === 1))
    .map((k) => [k.replaceAll('_', ' '), say(k === 'source' ? file(fact[k]) : fact[k])]);
}

/** A fact in a line: its name, what it does, where it is in the model and in the code. Never markup. */
export function words(facts: Facts, of: Key): string {
  const { kind, name } = titled(facts, of);
  if (!factOf(facts, of)) return kind === 'block' ? name : '';
  return [`${kind} ${name}`, ...rows(facts, of).map(([k, v]) => `${k}: ${v}`)].join('  ·  ');
}

/** The path of the closed block that an op stands for, or ''. */
export function closedBlock(facts: Facts, of: Key): string {
  const block = of.startsWith('op:') ? factOf(facts, of)?.block : '';
  return typeof block === 'string' ? block : '';
}

/** A place in the code by its file's own name; a notebook's cell has none that anyone knows. */
function file(place: unknown): string {
  return String(place).replace(/^.*ipykernel_\d+[\\/]\d+\.py/, 'cell').replace(/^.*[\\/]/, '');
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
}

function say(value: unknown): string {
  if (Array.isArray(value)) return value.map(say).join(', ');
  if (value !== null && typeof value === 'object') {
    return Object.entries(value).map(([k, v]) => `${k} ${say(v)}`).join(', ');
  }
  return String(value);
}
