/** A figure one can move in and ask: what is this wire, and where does it go? */

import { bar } from './bar';
import { code } from './code';
import { brief, details } from './details';
import type { Callbacks, Document, Handle, Values } from './document';
import { h, on } from './dom';
import { closedBlock, type Key, parts } from './facts';
import { help } from './help';
import { onScheme, scheme, still, systemDark } from './host';
import { keys } from './keys';
import { legend } from './legend';
import type { Lit } from './light';
import { changed, glide, placed } from './morph';
import { crumbs, type Drawn, drawn, hits, opened, opsOn, places, written } from './scenes';
import { search } from './search';
import { unpacked, ways } from './share';
import { type Aim, stage } from './stage';
import { tip } from './tip';

const TIP_MS = 60;
/** A block is all around; only who dwells on it asks about it. */
const BLOCK_MS = 400;

export function view(parent: HTMLElement, first: Document, callbacks: Callbacks): Handle {
  let data = first;
  /** What is shown, and which scene of the document that is. */
  let now: Drawn | undefined;
  let at = 0;
  let [hovered, selected]: [Key, Key] = ['', ''];
  /** What is lit as long as nothing is pointed at: by a host; by the search or a line of code. */
  let marked: readonly Key[] = [];
  let offered: readonly Key[] = [];
  let values: Values | null = null;
  /** The block being opened or closed. */
  let toggling = '';
  /** What the pointer was last on: a thing, and the array whose wire it is. */
  let pointed = '';
  let shared = '{}';
  let tipping: ReturnType<typeof setTimeout> | undefined;

  const dark = () => (scheme() ?? (systemDark() ? 'dark' : 'light')) === 'dark';
  const untip = () => {
    clearTimeout(tipping);
    hint.hide();
  };
  const find = (aim: Aim) => now!.spots.find(...aim);
  const focus = (): readonly Key[] => (hovered ? [hovered] : offered.length ? offered : marked.length ? marked : selected ? [selected] : []);

  const paint = () => {
    const { light, net } = now!;
    const lit = focus();
    const locked = axes.locked();
    const groups: Lit[] = locked.map((k, i) => ({ keys: k ? [k] : [], tint: `ncd-tint-${i}` }));
    groups.push({ keys: lit.filter((k) => !locked.includes(k)), tint: 'ncd-hot' });
    const dims = light.draw(groups, selected);
    const calm = lit[0] === selected && !locked.some(Boolean);
    figure.root.classList.toggle('ncd-dim', dims && !calm);
    figure.root.classList.toggle('ncd-calm', dims && calm); // what one has chosen is looked at for long
    figure.root.classList.toggle('ncd-on-thing', /^(op|axis)/.test(hovered));
    status.textContent = hovered || selected ? brief(net, hovered || selected, '', null).map((e) => e.textContent).join('. ') : '';
    axes.light(lit.flatMap((k) => (k.startsWith('op:') ? net.around(k) : [k])));
    info.hidden = !selected;
    side.hidden = !selected && source.root.hidden!;
    if (!offered.length) source.light(written(net, lit));
  };
  const inform = () => info.replaceChildren(...(selected ? details(now!.net, selected, values, self) : []));
  const share = () => {
    const state = self.state();
    if (JSON.stringify(state) === shared) return;
    shared = JSON.stringify(state);
    callbacks.onState?.(state);
  };
  const where = () => {
    const { net, scene } = now!;
    const to = (path: string) => {
      const inside = data.insides?.[path] ?? -1;
      if (net.facts.block?.[path]) return () => choose(`block:${path}`);
      return inside >= 0 && inside !== at ? () => void enter(inside) : undefined;
    };
    const top = { name: data.title || scene.title || 'diagram', go: () => (at ? void enter(0) : choose('')) };
    over.where([top, ...crumbs(net, scene.path ?? '', selected, to)]);
  };
  const tell = (what: 'Hover' | 'Select', key: Key) => {
    root.dispatchEvent(new CustomEvent(`ncd:${what.toLowerCase()}`, { bubbles: true, composed: true, detail: { key, places: self.places(key) } }));
    callbacks[`on${what}`]?.(key);
  };
  const hover = (to: Key, told = true) => {
    if (to === hovered) return;
    hovered = to;
    untip();
    paint();
    if (told) tell('Hover', to);
  };
  const select = (to: Key, told = true) => {
    if (to === selected) return;
    selected = to;
    untip();
    paint();
    inform();
    where();
    share();
    if (told) tell('Select', to);
  };
  const reveal = (of: readonly Key[]) => {
    const box = of.map((k) => now!.spots.box(k)).find(Boolean);
    if (box) figure.reveal(box);
  };
  const choose = (to: Key) => {
    hover('');
    select(to);
    reveal([to]);
  };
  const offer = (these: readonly Key[]) => {
    offered = these;
    paint();
  };
  const point = (aim: Aim, by: MouseEvent) => {
    const { key, array } = find(aim);
    const fresh = key + array !== pointed;
    pointed = key + array;
    hover(key);
    if (!key || !fresh) return;
    untip();
    tipping = setTimeout(() => {
      const box = key.startsWith('op:') && now!.spots.box(key);
      hint.show(brief(now!.net, key, array, values), box ? figure.box(box) : [by.clientX, by.clientY, by.clientX, by.clientY]);
    }, parts(key)?.kind === 'block' ? BLOCK_MS : TIP_MS);
  };

  /** Puts another drawing in place of this one; with `news` what changed is made to be seen. */
  const draw = (to: Drawn, news: boolean) => {
    const before = now;
    const was = before && placed(before.net, before.spots);
    const [name, under, locked] = [before?.net.name(selected), before?.net.name(hovered), axes.locked().map((k) => before?.net.name(k))];
    now = to;
    const { net, spots, picture } = to;
    root.dataset.scheme = dark() ? 'dark' : 'light';
    const same = before && before.scene.path === to.scene.path;
    const by = same ? shift(before, to) : undefined;
    if (before && !same) figure.fit();
    figure.show(picture, to.light.layer, by);
    selected = net.find(name);
    hovered = net.find(under);
    axes.restore(locked.map((n) => net.find(n)));
    axes.show(net);
    if (same && !still()) glide(was!, net, spots, picture.ink, by?.x ?? 0, by?.y ?? 0);
    paint();
    inform();
    where();
    // A cell that ran again has a new view, which cannot know what was there before: whoever made the drawing does.
    if (news) to.light.flash((!at && data.changed) || (same ? changed(was!, net) : []));
  };
  /** How far what one looks at has moved in the figure: the window goes along. */
  const shift = (before: Drawn, to: Drawn) => {
    const { x, y } = figure.middle();
    const block = (of: Drawn) => of.spots.box(of.net.closed(toggling)) ?? of.spots.box(`block:${toggling}`);
    const pairs = toggling ? [[block(before), block(to)]] : before.net.ops.map((k) => [before.spots.box(k), to.spots.box(to.net.find(before.net.name(k)))]);
    let [least, by] = [Infinity, { x: 0, y: 0 }];
    for (const [from, then] of pairs) {
      const far = from ? Math.hypot(from[0] - x, from[1] - y) : Infinity;
      if (!from || !then || far >= least) continue;
      least = far;
      by = { x: then[0] - from[0], y: then[1] - from[1] };
    }
    return by;
  };
  const enter = async (to: number) => {
    const entry = data.scenes[to];
    if (!entry || to === at) return;
    const scene = await opened(entry);
    marked = offered = [];
    untip();
    at = to;
    draw(drawn(scene, scheme()), false);
    share();
  };
  const toggle = (key: Key) => {
    const closed = closedBlock(now!.net.facts, key);
    const around = key.startsWith('block:') ? key.slice(6) : '';
    if (closed || around) turn(closed || around, !around);
  };
  /** Asks for a block to be opened or closed; where nobody does it, its inside is entered. */
  const turn = async (path: string, open: boolean) => {
    toggling = path;
    const done = callbacks.onToggle ? await callbacks.onToggle(path, open) : false;
    if (done !== false) return;
    toggling = '';
    void enter(data.insides?.[path] ?? -1);
  };
  const out = () => {
    const path = now!.net.path(selected) || now!.scene.path || '';
    if (!at) return callbacks.onToggle && now!.net.facts.block?.[path] ? toggle(`block:${path}`) : undefined;
    const up = (now!.scene.path ?? '').split('.').slice(0, -1);
    for (; up.length; up.pop()) {
      const to = data.insides?.[up.join('.')] ?? -1;
      if (to >= 0 && to !== at) return void enter(to);
    }
    void enter(0);
  };
  /** One thing at a time: what is pointed at or chosen, what is locked, the code. */
  const letGo = () => {
    const chosen = selected;
    hover('');
    select('');
    if (chosen) return;
    if (axes.locked().some(Boolean)) {
      axes.restore([]);
      paint();
      share();
    } else if (!source.root.hidden) showCode(false);
  };
  const showCode = (on = !!source.root.hidden) => {
    source.root.hidden = !on;
    over.code(on);
    paint();
    share();
  };
  const all = () => {
    const { net } = now!;
    const more = Object.entries(data.insides ?? {}).filter(([path, i]) => i !== at && !net.closed(path) && !net.facts.block?.[path]);
    return [
      ...hits(net, (k) => offer([k]), (k) => {
        choose(k);
        figure.root.focus();
      }),
      ...more.map(([path, i]) => ({ kind: 'block', name: path.split('.').at(-1)!, where: path, more: '', look: () => offer([]), go: () => void enter(i) })),
    ];
  };

  const figure = stage({
    hover: point,
    click(aim) {
      const there = find(aim).key;
      select(there === selected ? '' : there);
    },
    twice: (aim) => toggle(find(aim).key),
    leave() {
      pointed = '';
      hover('');
    },
    moved: () => now && share(),
  });
  const seek = search(all, () => offered.length && offer([]), () => figure.root.focus());
  const keyList = help();
  const status = h('div', 'status', { role: 'status' });
  const over = bar({ stage: figure, showCode, showHelp: () => keyList.showModal() }, seek.root, () => {
    const { scene } = now!;
    const tikz = data.tikz && !at ? () => unpacked(data.tikz!) : callbacks.tikz;
    const link = () => callbacks.link?.(self.state()) ?? JSON.stringify(self.state());
    return ways(scene.svg, dark(), scene.title || data.title || '', link, tikz);
  }, (text) => (status.textContent = text));
  const axes = legend(hover, () => {
    paint();
    share();
  });
  const source = code((line) => offer(line ? opsOn(data, now!.net, ...line) : []));
  const info = h('div', 'details', { role: 'group', 'aria-label': 'Details', tabindex: '0' });
  // Groups, no landmarks: a notebook has many figures.
  const side = h('div', 'aside', { role: 'group', 'aria-label': 'Details and code' }, info, source.root);
  const root = h('div', 'view', {}, over.root, h('div', 'body', {}, figure.root, side), axes.root, keyList, status);
  const hint = tip(root);
  const self: Handle & Parameters<typeof details>[3] = {
    root,
    get document() {
      return data;
    },
    get scene() {
      return now!.scene;
    },
    get selected() {
      return selected;
    },
    show(document) {
      const path = now?.scene.path;
      const same = path ? document.scenes.findIndex((s) => s.path === path && 'svg' in s) : 0;
      const scene = document.scenes[Math.max(0, same)]!;
      if (!('svg' in scene)) throw new Error('the first scene is packed');
      const made = drawn(scene, scheme()); // may throw: then nothing has changed
      data = document;
      at = Math.max(0, same);
      source.show(document.sources ?? []);
      draw(made, !toggling);
      toggling = '';
    },
    hover: (to) => hover(to, false),
    select(to) {
      select(to, false);
      reveal([to]);
    },
    choose,
    opens: (path) => (callbacks.onToggle ? !!now!.net.closed(path) : (data.insides?.[path] ?? at) !== at),
    open: (path) => void turn(path, true),
    code(key) {
      const [place] = self.places(key);
      if (!place || !callbacks.onCode?.(place)) showCode(true);
    },
    mark(these) {
      marked = these;
      paint();
      reveal(these);
    },
    setValues(given) {
      values = given;
      inform();
    },
    keysAt: (file, line, column) => (data.sources ?? []).flatMap((s, k) => (s.file === file ? opsOn(data, now!.net, k, line, column) : [])),
    places: (key) => places(data, now!.net, key),
    state() {
      const { net, scene } = now!;
      const [locked, camera] = [axes.locked().map((k) => net.name(k)), figure.state()];
      return {
        ...(selected && { selected: net.name(selected) }),
        ...(locked.some(Boolean) && { locked }),
        ...(scene.path && { path: scene.path }),
        ...(camera && { camera }),
        ...(!source.root.hidden && { code: true }),
      };
    },
    restore(state) {
      if (JSON.stringify(state) === shared) return;
      const go = () => {
        const { net } = now!;
        axes.restore(Array.isArray(state.locked) ? state.locked.map((name) => net.find(name)) : []);
        select(net.find(state.selected ?? ''));
        showCode(state.code === true);
        figure.restore(state.camera);
        paint();
        share();
      };
      const to = state.path ? data.scenes.findIndex((s) => s.path === state.path) : 0;
      if (to >= 0 && to !== at) void enter(to).then(go);
      else go();
    },
    dispose() {
      figure.dispose();
      unwatch();
      untip();
      root.remove();
    },
  };
  const press = keys({
    stage: figure, choose, toggle, out, letGo, showCode,
    net: () => now?.net, selected: () => selected, lock: axes.lock, seek: seek.seek, showHelp: () => keyList.showModal(),
  });
  on(root, 'keydown', (e: KeyboardEvent) => {
    const own = e.target === figure.root;
    if (press(e, own)) e.preventDefault();
    else if (own || !/^(Enter| |Arrow.*|Page.*|Home|End)$/.test(e.key)) return;
    e.stopPropagation(); // or a notebook takes the key for a command
  });
  source.root.hidden = side.hidden = true;
  self.show(first);
  const unwatch = onScheme(() => draw(drawn(now!.scene, scheme()), false));
  parent.append(root);
  figure.fit();
  return Object.assign(root, { ncd: self }).ncd;
}
