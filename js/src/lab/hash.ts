/**
 * The name that a kernel gives to a cell's code: a hash of its text.
 *
 * ipykernel compiles a cell as `.../ipykernel_<pid>/<hash>.py`, the hash being MurmurHash2 (Austin Appleby,
 * public domain) of the text as sent; debuggers rely on it.  So a place in such a file says which text it
 * was in, and no cell with another text is mistaken for it.
 */

const SEED = 0xc70f6907; // ipykernel.compiler.get_tmp_hash_seed
const M = 0x5bd1e995;
const FILE = /ipykernel_\d+[\\/](\d+)\.py$/;

export function hash(text: string): string {
  const data = new TextEncoder().encode(text);
  const words = data.length >> 2;
  const at = (i: number) => data[i] ?? 0;
  let h = SEED ^ data.length;
  for (let i = 0; i < 4 * words; i += 4) {
    let k = Math.imul(at(i) | (at(i + 1) << 8) | (at(i + 2) << 16) | (at(i + 3) << 24), M);
    k = Math.imul(k ^ (k >>> 24), M);
    h = Math.imul(h, M) ^ k;
  }
  if (data.length & 3) h = Math.imul(h ^ (at(4 * words) | (at(4 * words + 1) << 8) | (at(4 * words + 2) << 16)), M);
  h = Math.imul(h ^ (h >>> 13), M);
  return String((h ^ (h >>> 15)) >>> 0);
}

/** The hash in a file's name, or '' if the file is no cell. */
export function cellOf(file: string): string {
  return FILE.exec(file)?.[1] ?? '';
}

/** A text that a cell's code may have been compiled as, and the line of the cell that its first one is, from 1. */
export interface Compiled {
  readonly hash: string;
  readonly line: number;
}

/** A cell's text, and what its `%%magic` was given to run. */
export function compiled(text: string): Compiled[] {
  const whole = { hash: hash(text), line: 1 };
  const cut = text.startsWith('%%') ? text.indexOf('\n') : -1;
  if (cut < 0) return [whole];
  const body = text.slice(cut + 1);
  const given = body.endsWith('\n') ? [body, body.slice(0, -1)] : [body, `${body}\n`];
  return [whole, ...given.map((t) => ({ hash: hash(t), line: 2 }))];
}
