/** The functions that operations were written in, one under the other, with the lines of what is lit. */

import { into } from './camera';
import type { Source } from './document';
import { el, fill, group, h, on, place, toggle } from './dom';
import { file } from './facts';

/** Where an operation is: function, line, column, end line, end column; of a closed block the function alone. */
export type At = readonly number[];

export interface Code {
  readonly root: HTMLElement;
  show(sources: readonly Source[]): void;
  /** Lights these places, and brings the first into sight, moving no more than needed. */
  light(places: readonly At[]): void;
}

/** `onLine` hears which line of which file is pointed at, and when none is. */
export function code(onLine: (file?: string, line?: number) => void): Code {
  const root = group('source', 'Source code');
  root.tabIndex = 0;
  let sources: readonly Source[] = [];
  let rows: HTMLElement[][] = [];
  let last: Element | null | undefined;

  const tell = (target: EventTarget | null) => {
    const line = (target as Element | null)?.closest('.ncd-line');
    if (line === last) return;
    last = line;
    const k = rows.findIndex((of) => of.includes(line as HTMLElement));
    const source = sources[k];
    if (source) onLine(source.file, source.line + rows[k]!.indexOf(line as HTMLElement));
    else onLine();
  };
  on(root, 'pointermove', (e: Event) => tell(e.target));
  on(root, 'pointerleave', () => tell(null));

  const build = () => {
    rows = sources.map((source) => {
      const made = lines(source.text, source.tokens).map((runs) => h('div', 'line', ...runs.map(([look, text]) => h('span', `look-${look}`, text))));
      const head = el('div', 'where', { title: source.file }, h('b', '', source.function), ` ${file(source.file)}:${source.line}`);
      root.append(h('section', '', head, h('pre', '', ...made)));
      return made;
    });
  };
  return {
    root,
    show(given) {
      if (given === sources) return;
      sources = given;
      rows = [];
      fill(root, []);
    },
    light(places) {
      if (root.hidden) return;
      if (!rows.length) build();
      for (const e of root.querySelectorAll('.ncd-on, .ncd-token')) e.classList.remove('ncd-on', 'ncd-token');
      let [from, to] = [rows[places[0]?.[0] ?? -1]?.[0], undefined as HTMLElement | undefined];
      for (const [k = -1, first = 1, column = 0, final = 0, end = 0] of places) {
        for (let n = first; n <= final; n++) {
          const line = rows[k]?.[n - sources[k]!.line];
          if (!line) continue;
          if (!to) from = line;
          to = line;
          toggle(line, 'on', true);
          let at = 0;
          for (const run of line.children) {
            const start = at;
            at += run.textContent!.length;
            if ((n > first || start >= column) && (n < final || at <= end)) toggle(run, 'token', true);
          }
        }
      }
      if (!from) return;
      const [, top, , bottom] = place(root);
      root.scrollTop -= into(place(from)[1] - 48, place(to ?? from)[3] + 24, top, bottom);
    },
  };
}

/** Look and text; what is lit begins and ends where runs do. */
type Run = readonly [string, string];

/** Text cut into lines of runs; a letter that is none, or text that no run covers, looks plain. */
export function lines(text: string, tokens: string): Run[][] {
  const out: Run[][] = [[]];
  const whole = text.replace(/\n$/, '');
  let at = 0;
  for (const [, look, count] of `${tokens}t${whole.length}`.matchAll(/(.)(\d+)/g)) {
    whole.slice(at, (at += +count!)).split('\n').forEach((part, i) => {
      if (i) out.push([]);
      if (part) out.at(-1)!.push([/[a-z]/.test(look!) ? look! : 't', part]);
    });
  }
  return out;
}
