/** A figure one can move in and ask: what is this wire, and where does it go? */

import { bar, type Crumb } from './bar';
import { code } from './code';
import { brief, details } from './details';
import type { Callbacks, Document, Handle, Scene, State, Values } from './document';
import { type Box, el, fill, group, h, on, toggle as mark } from './dom';
import { closedBlock, factOf, ids, isOp, type Key, parts, pathOf } from './facts';
import { help } from './help';
import { dark, onScheme, still } from './host';
import { arrow, type Commands, walker } from './keys';
import { legend } from './legend';
import { changed, glide, type Stayed, stayed } from './morph';
import { crumbs, type Drawn, drawn, hits, opsOn, places, written } from './scenes';
import { search } from './search';
import { ways } from './share';
import { type Aim, stage } from './stage';
import { tip } from './tip';

const PAN = 60;
const STEP = 1.25;
const json = (state: State) => JSON.stringify(state);
const STILL = { x: 0, y: 0 };
const TIP_MS = 60;
/** Goes on as long as there is more to do, whenever nothing else is. */
const idle = (more: () => boolean) => globalThis.requestIdleCallback?.(() => more() && idle(more));
/** A block is all around; only who dwells on it asks about it. */
const BLOCK_MS = 400;

/** Shows a document in an element.  Throws if its first scene is no figure of ncd. */
export function view(parent: HTMLElement, first: Document, callbacks: Callbacks = {}): Handle {
  let data = first;
  /** What is shown. */
  let now: Drawn | undefined;
  let [hovered, selected]: [Key, Key] = ['', ''];
  /** What is lit as long as nothing is pointed at: by a host; by the search or a line of code. */
  let marked: readonly Key[] = [];
  let offered: readonly Key[] = [];
  let values: Values = {};
  /** The block being opened or closed, and the name of what is looked for in it. */
  let toggling = '';
  let sought = '';
  /** What the pointer was last on: a thing, and the array whose wire it is. */
  let pointed = '';
  let shared = '{}';
  let tipping: ReturnType<typeof setTimeout> | undefined;
  /** Says anew what the tip says, while there is one. */
  let retip: (() => void) | undefined;

  const untip = () => {
    clearTimeout(tipping);
    hint.hide();
    retip = undefined;
  };
  const find = (aim: Aim) => now!.spots.find(...aim);

  const paint = () => {
    const { light, net, picture } = now!;
    const lit = [offered, [hovered], marked, [selected]].find((keys) => keys[0]) ?? [];
    const locked = axes.locked();
    const groups = locked.map((k, i) => ({ keys: axes.alike(k), tint: `ncd-tint-${i}` }));
    const dims = light.draw([...groups, { keys: lit.filter((k) => !groups.some(({ keys }) => keys.includes(k))), tint: 'ncd-hot' }], selected);
    const calm = lit[0] === selected && !locked.some(Boolean);
    // On the layers themselves: what many marks inherit, or a rule looks for among them, costs a frame or ten.
    for (const layer of [picture.ground, picture.ink]) {
      mark(layer, 'dim', dims && !calm);
      mark(layer, 'calm', dims && calm); // what one has chosen is looked at for long
    }
    mark(figure.glass, 'on-thing', hovered > '' && !pathOf(hovered));
    const told = hovered || selected;
    status.textContent = told && brief(net, told, '', {}).map((e) => e.textContent).join('. ');
    axes.light(lit.flatMap((k) => (isOp(k) ? net.around(k) : [k])));
    info.hidden = !selected;
    side.hidden = !selected && !!source.root.hidden;
    if (hovered || !offered.length) source.light(written(net, lit));
  };
  const inform = () => fill(info, selected ? details(now!.net, selected, values, self) : []);
  const share = () => {
    const state = self.state();
    const text = json(state);
    if (text === shared) return;
    shared = text;
    callbacks.onState?.(state);
  };
  const where = () => {
    const { net, scene } = now!;
    const inside = scene.path ?? '';
    const to = (path: string) => (net.facts.block?.[path] ? () => choose(`block:${path}`) : path === inside ? undefined : callbacks.enter?.(path));
    const top: Crumb = [data.title || scene.title || 'diagram', (inside && callbacks.enter?.('')) || (() => choose(''))];
    over.where([top, ...crumbs(net, inside, selected, to)]);
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
  /** After another choice, or in another drawing. */
  const renew = () => {
    paint();
    inform();
    where();
  };
  const select = (to: Key, told = true) => {
    if (to === selected) return;
    selected = to;
    untip();
    renew();
    share();
    if (told) tell('Select', to);
  };
  const reveal = (of: readonly Key[]) => {
    const box = of.map(now!.spots.box).find(Boolean);
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
      const box = isOp(key) && now!.spots.box(key);
      retip = () => hint.show(brief(now!.net, key, array, values), box ? figure.box(box) : [by.clientX, by.clientY, by.clientX, by.clientY]);
      retip();
    }, pathOf(key) ? BLOCK_MS : TIP_MS);
  };

  /** Puts another drawing in place of this one; with `news` what changed is made to be seen. */
  const draw = (to: Drawn, news: boolean) => {
    const before = now;
    const names = before && [selected, hovered, ...axes.locked()].map(before.net.name);
    const same = before && before.scene.path === to.scene.path;
    const those = same ? stayed(before, to) : [];
    const by = same ? shift(before, to, those) : STILL;
    untip();
    pointed = '';
    now = to;
    if (!same) {
      figure.fit();
      marked = offered = [];
    }
    if (names) {
      const [chosen = '', under = '', ...locked] = names.map(to.net.find);
      [selected, hovered] = [chosen, under];
      axes.restore(locked);
    }
    figure.show(to.picture, to.light.layer, by, () => {
      if (now !== to) return;
      axes.show(to.net);
      renew();
      idle(to.spots.more); // or the first who points would wait
      // A cell that ran again has a new view, which cannot know what was there before: whoever made the drawing does.
      if (news) to.light.flash(data.changed ?? (same ? changed(before, to) : []));
    });
    if (same && !still()) glide(those, to.spots.elements, to.picture.ink, by.x, by.y);
    if (sought) seek(sought);
  };
  /** How far what one looks at has moved in the figure, the block being turned or else what is nearest to the middle: the window goes along. */
  const shift = (before: Drawn, to: Drawn, those: Stayed) => {
    const { x, y } = figure.middle();
    const block = (of: Drawn) => of.spots.box(of.net.closed(toggling) || `block:${toggling}`);
    const far = ([left, top]: Box) => Math.hypot(left - x, top - y);
    const [, from, then] = toggling ? ['', block(before), block(to)] : [...those].sort((a, b) => far(a[1]) - far(b[1]))[0] ?? [];
    return from && then ? { x: then[0] - from[0], y: then[1] - from[1] } : STILL;
  };
  const toggle = (key: Key) => {
    const closed = closedBlock(now!.net, key);
    const path = closed || pathOf(key);
    if (path) turn(path, !!closed);
  };
  /** Asks for a block to be opened or closed; where nobody does it, its inside is entered. */
  const turn = async (path: string, open: boolean) => {
    toggling = path;
    if (callbacks.onToggle && (await callbacks.onToggle(path, open)) !== false) return;
    await callbacks.enter?.(path)?.();
    toggling = '';
  };
  /** Goes to what has a name, opening the closed block that it is in. */
  const seek = (name: string) => {
    const { net, scene } = now!;
    const inside = net.ops.find((op) => ids(factOf(net, op), 'within').includes(name)) ?? '';
    const block = closedBlock(net, inside);
    // One inside is shown for all blocks that are alike.
    const key = net.find(name) || net.find(name.replace(toggling, scene.path ?? '')) || inside;
    sought = key && key === inside && block !== toggling ? name : '';
    if (key) choose(key);
    if (sought) turn(block, true);
  };
  const out = () => {
    const { net, scene } = now!;
    const path = net.path(selected);
    if (!scene.path) return callbacks.onToggle && net.facts.block?.[path] ? toggle(`block:${path}`) : undefined;
    const up = scene.path.split('.');
    let go;
    while (!go && up.pop()) go = callbacks.enter?.(up.join('.'));
    go?.();
  };
  /** One thing at a time: what is pointed at or chosen, what is locked, the code. */
  const letGo = () => {
    const chosen = selected;
    hover('');
    select('');
    if (chosen) return;
    if (axes.locked().some(Boolean)) lock([]);
    else if (!source.root.hidden) showCode(false);
  };
  const lock = (these: readonly Key[]) => {
    axes.restore(these);
    paint();
    share();
  };
  const showCode = (on = !!source.root.hidden) => {
    source.root.hidden = !on;
    over.code(on);
    paint();
    share();
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
    moved() {
      untip();
      share();
    },
  });
  const finder = search(() => hits(now!.net, (k) => offer([k]), (name) => {
    seek(name);
    figure.root.focus();
  }), () => offered.length && offer([]), () => figure.root.focus());
  const keyList = help();
  const status = el('div', 'status', { role: 'status' });
  const nearer = () => figure.zoom(STEP);
  const commands: Commands = {
    Escape: letGo, '/': finder.seek, c: showCode, '?': () => keyList.showModal(),
    '+': nearer, '=': nearer, '-': () => figure.zoom(1 / STEP), 0: figure.fit,
  };
  const onFigure: Commands = {
    Backspace: out,
    l: () => parts(selected)[0] === 'axis' && axes.lock(selected),
    Enter() {
      // The chosen closed block, or the block around what is chosen.
      const { facts, path } = now!.net;
      toggle(facts.block?.[path(selected)] ? `block:${path(selected)}` : selected);
    },
  };
  const walk = walker();
  const over = bar(commands, finder.root, () => {
    const { svg, title, path } = now!.scene;
    const link = () => callbacks.link?.(self.state()) ?? json(self.state());
    return ways(svg, dark(), title || data.title || '', link, path ? undefined : callbacks.tikz);
  }, (text) => (status.textContent = text));
  const axes = legend((these) => {
    offered = these;
    hover(these[0] ?? '');
  }, () => lock(axes.locked()));
  const source = code((file, line) => offer(file ? self.keysAt(file, line!) : []));
  const info = group('details', 'Details');
  // Groups, no landmarks: a notebook has many figures.
  const side = group('aside', 'Details and code', info, source.root);
  info.tabIndex = 0;
  const root = h('div', 'view', over.root, h('div', 'body', figure.root, side), axes.root, keyList, status);
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
      const made = drawn(document.scenes[document.at ?? 0] as Scene); // may throw: then nothing has changed
      data = document;
      source.show(document.sources ?? []);
      draw(made, !toggling);
      toggling = '';
      share();
    },
    hover: (to) => hover(to, false),
    select(to) {
      if (to === selected) return; // what the reader chose comes back from a host: it must not move
      select(to, false);
      reveal([to]);
    },
    choose,
    opens: (path) => !!(callbacks.onToggle ? now!.net.closed(path) : callbacks.enter?.(path)),
    open: (path) => turn(path, true),
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
      retip?.();
    },
    keysAt: (file, line, column) => opsOn(data, now!.net, file, line, column),
    places: (key) => places(data, now!.net, key),
    state() {
      const { scene } = now!;
      const name = (k: Key) => now!.net.name(k);
      const [locked, camera] = [axes.locked().map(name), figure.state()];
      return {
        ...(selected && { selected: name(selected) }),
        ...(locked.some(Boolean) && { locked }),
        ...(scene.path && { path: scene.path }),
        ...(camera && { camera }),
        ...(!source.root.hidden && { code: true }),
      };
    },
    restore(state) {
      if (json(state) === shared) return;
      const go = () => {
        const { net } = now!;
        axes.restore(Array.isArray(state.locked) ? state.locked.map(net.find) : []);
        figure.restore(state.camera);
        select(net.find(state.selected ?? ''));
        showCode(state.code === true);
      };
      const path = state.path ?? '';
      const enter = path === (now!.scene.path ?? '') ? undefined : callbacks.enter?.(path);
      if (enter) enter().then(go);
      else go();
    },
    dispose() {
      unwatch();
      untip();
      root.remove();
    },
  };
  on(root, 'keydown', (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey) return;
    const own = e.target === figure.root;
    const { net } = now!;
    const [dx, dy] = (own && arrow(e.key)) || [0, 0];
    const act = e.altKey ? undefined : commands[e.key] ?? (own ? onFigure[e.key] : undefined);
    if (dx || dy) {
      if (e.altKey) figure.move(-PAN * dx, -PAN * dy);
      else choose(walk(net, selected, dx, dy, e.shiftKey));
    } else if (act) act();
    else if (own || !/^(Enter| |Arrow.*|Page.*|Home|End)$/.test(e.key)) return;
    if (act || dx || dy) e.preventDefault();
    e.stopPropagation(); // or a notebook takes the key for a command
  });
  source.root.hidden = side.hidden = true;
  self.show(first);
  const follow = () => (root.dataset.scheme = dark() ? 'dark' : 'light');
  const unwatch = onScheme(follow);
  follow();
  parent.append(root);
  figure.fit();
  return Object.assign(root, { ncd: self }).ncd;
}
