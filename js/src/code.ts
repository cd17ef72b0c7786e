/** The functions that operations were written in, one under the other, with the lines of what is lit. */

import type { Source } from './document';
import { h, on } from './dom';
import { file } from './facts';

/** Where an operation is: function, line, column, end line, end column; of a closed block the function alone. */
export type At = readonly number[];

export interface Code {
  readonly root: HTMLElement;
  show(sources: readonly Source[]): void;
  /** Lights these places, and brings the first into sight, moving no more than needed. */
  light(places: readonly At[]): void;
}

/** `onLine` hears which line of which function is pointed at, null when none is. */
export function code(onLine: (at: readonly [number, number] | null) => void): Code {
  const root = h('div', 'source', { tabindex: '0', role: 'group', 'aria-label': 'Source code' });
  let sources: readonly Source[] = [];
  let rows: HTMLElement[][] = [];
  let runs: Run[][][] = [];
  let lit: (() => void)[] = [];
  let last = '';

  const tell = (target: EventTarget | null) => {
    const line = (target as Element | null)?.closest?.<HTMLElement>('.ncd-line')?.dataset.at ?? '';
    if (line === last) return;
    last = line;
    onLine(line ? (line.split(' ').map(Number) as [number, number]) : null);
  };
  on(root, 'pointermove', (e: Event) => tell(e.target));
  on(root, 'pointerleave', () => tell(null));

  const build = () => {
    runs = sources.map(({ text, tokens }) => lines(text, tokens));
    rows = sources.map((source, k) => {
      const made = runs[k]!.map((run, i) => {
        const line = h('div', 'line', {}, ...drawn(run, []));
        line.dataset.at = `${k} ${source.line + i}`;
        return line;
      });
      const head = h('div', 'where', { title: source.file }, h('b', '', {}, source.function), ` ${file(source.file)}:${source.line}`);
      root.append(h('section', '', {}, head, h('pre', '', {}, ...made)));
      return made;
    });
  };
  return {
    root,
    show(given) {
      if (given === sources) return;
      sources = given;
      rows = [];
      lit = [];
      root.replaceChildren();
    },
    light(places) {
      if (root.hidden) return;
      if (!rows.length) build();
      for (const end of lit) end();
      lit = [];
      const spans = new Map<HTMLElement, [Run[], [number, number][]]>();
      let [from, to] = [rows[places[0]?.[0] ?? -1]?.[0], undefined as HTMLElement | undefined];
      for (const [k = -1, first, column, final = first, end] of places) {
        const start = sources[k]?.line;
        if (start === undefined || first === undefined) continue;
        for (let n = first; n <= final!; n++) {
          const line = rows[k]![n - start];
          if (!line) continue;
          if (!to) from = line;
          to = line;
          if (!spans.has(line)) spans.set(line, [runs[k]![n - start]!, []]);
          spans.get(line)![1].push([n === first ? column! : 0, (n === final && end) || Infinity]);
        }
      }
      for (const [line, [run, cuts]] of spans) {
        line.replaceChildren(...drawn(run, cuts));
        line.classList.add('ncd-on');
        lit.push(() => {
          line.replaceChildren(...drawn(run, []));
          line.classList.remove('ncd-on');
        });
      }
      if (!from) return;
      const box = root.getBoundingClientRect();
      const [top, bottom] = [from.getBoundingClientRect().top - 48, (to ?? from).getBoundingClientRect().bottom + 24];
      root.scrollTop += top < box.top || bottom - top > box.height ? top - box.top : Math.max(0, bottom - box.bottom);
    },
  };
}

/** Look, column, text. */
type Run = readonly [string, number, string];

/** A line, its runs cut where what is lit begins and ends. */
function drawn(runs: readonly Run[], lit: readonly (readonly [number, number])[]): (Node | string)[] {
  return runs.flatMap(([look, from, text]) => {
    const cuts = [...new Set([0, text.length, ...lit.flat().map((c) => c - from)])].filter((c) => c >= 0 && c <= text.length).sort((a, b) => a - b);
    return cuts.slice(1).map((to, i) => {
      const token = lit.some(([start, end]) => from + cuts[i]! >= start && from + to <= end) ? 'token ' : '';
      const piece = text.slice(cuts[i], to);
      return token || look !== 't' ? h('span', `${token}look-${look}`, {}, piece) : piece;
    });
  });
}

/** Text cut into lines of runs; a letter that is none, or text that no run covers, looks plain. */
export function lines(text: string, tokens: string): Run[][] {
  const out: Run[][] = [[]];
  const whole = text.replace(/\n$/, '');
  let [at, column] = [0, 0];
  for (const [, look, count] of `${tokens}t${whole.length}`.matchAll(/(.)(\d+)/g)) {
    whole.slice(at, (at += Number(count))).split('\n').forEach((part, i) => {
      if (i) {
        out.push([]);
        column = 0;
      }
      if (part) out.at(-1)!.push([/[a-z]/.test(look!) ? look! : 't', column, part]);
      column += part.length;
    });
  }
  return out;
}
