/** A figure one can move in and ask: what is this wire, and where does it go? */

import { css, fitted, into, middle, moved, zoomed, type Camera, type Point, type Size } from './camera';
import type { Callbacks, Document, Handle, Place, Scene, State, Values } from './document';
import { closedBlock, type Facts, factOf, type Key, key, parts, words } from './facts';
import { onScheme, scheme } from './host';
import { figure } from './safe';

const STEP = 1.25;
const HINT = 'Ctrl + wheel: zoom  ·  drag: move  ·  0: show all';
const SETTLE_MS = 120;
const DRAG_PX = 4;
/** Wires are thin and mostly level: so far above and below the pointer to look for one, nearest first. */
const NEAR: readonly number[] = [0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5];

export class View implements Handle {
  readonly root: HTMLElement;
  private readonly stage: HTMLElement;
  private readonly pane: HTMLElement;
  private readonly status: HTMLElement;
  document: Document | null = null;
  scene: Scene | null = null;
  private marked: readonly Key[] = [];
  private svg: SVGSVGElement | null = null;
  private facts: Facts = {};
  private readonly elements = new Map<Key, Element[]>();
  private ops: Key[] = [];
  private lit: Element[] = [];
  private hovered: Key = '';
  selected: Key = '';
  private camera: Camera = { x: 0, y: 0, scale: 1 };
  private touched = false;
  private settle: ReturnType<typeof setTimeout> | undefined;
  private drag: { id: number; x: number; y: number; far: boolean } | null = null;
  private readonly stopping = new AbortController();
  private readonly sizes: ResizeObserver | null;
  private readonly unwatch: () => void;

  constructor(parent: HTMLElement, private readonly callbacks: Callbacks = {}) {
    this.root = make('div', 'ncd-view');
    const tools = make('div', 'ncd-tools');
    tools.append(
      button('+', 'Zoom in (+)', () => this.zoom(STEP)),
      button('−', 'Zoom out (−)', () => this.zoom(1 / STEP)),
      button('⤢', 'Show all (0)', () => this.fit()),
    );
    this.stage = make('div', 'ncd-stage');
    this.stage.tabIndex = 0;
    this.stage.setAttribute('role', 'group');
    this.stage.setAttribute('aria-label', 'Diagram: arrow keys go from operation to operation, plus and minus zoom');
    this.pane = make('div', 'ncd-pane');
    this.stage.append(this.pane);
    this.status = make('div', 'ncd-status');
    this.status.setAttribute('aria-live', 'polite');
    this.status.dataset.hint = HINT + (callbacks.onToggle ? '  ·  double click: open or close a block' : '');
    this.root.append(tools, this.stage, this.status);
    Object.assign(this.root, { ncd: this });
    parent.append(this.root);
    this.listen();
    this.sizes = typeof ResizeObserver === 'undefined' ? null : new ResizeObserver(() => this.touched || this.fit());
    this.sizes?.observe(this.stage);
    this.unwatch = onScheme(() => this.document && this.show(this.document));
  }

  /** Shows a figure written by Python, in place of the one before; what was chosen stays chosen if it is there. */
  show(document: Document): void {
    const scene = document.scenes[0] as Scene;
    const { svg, facts } = scene;
    const made = figure(svg, scheme()); // may throw: then nothing has changed
    this.document = document;
    this.scene = scene;
    this.facts = facts ?? {};
    this.svg = made;
    this.lit = [];
    this.elements.clear();
    this.pane.replaceChildren();
    this.index(made);
    this.pane.append(made);
    this.hovered = '';
    if (!this.elements.has(this.selected)) this.selected = '';
    if (!this.touched) this.fit();
    this.paint();
  }

  open(path: string): void {
    this.callbacks.onToggle?.(path, true);
  }

  mark(keys: readonly Key[]): void {
    this.marked = keys;
    this.paint();
  }

  setValues(_: Values | null): void {}

  keysAt(file: string, line: number, column = -1): Key[] {
    return this.ops.filter((k) =>
      this.places(k).some(
        (p) => p.file === file && p.line <= line && line <= p.end_line && (column < 0 || line > p.line || column >= p.column),
      ),
    );
  }

  places(of: Key): Place[] {
    const at = factOf(this.facts, of)?.at as readonly number[] | undefined;
    const source = at && this.document?.sources?.[at[0]!];
    if (!source) return [];
    const [, line, column, end_line, end_column] = at as [number, number, number, number, number];
    return [{ file: source.file, function: source.function, line, column, end_line, end_column }];
  }

  state(): State {
    return { selected: this.selected };
  }

  restore(state: State): void {
    this.select(state.selected ?? '');
  }

  hover(to: Key, tell = false): void {
    if (to === this.hovered) return;
    this.hovered = to;
    this.paint();
    if (tell) this.told('hover', to);
  }

  select(to: Key, tell = false): void {
    if (to === this.selected) return;
    this.selected = to;
    this.paint();
    if (tell) this.told('select', to);
  }

  private told(what: 'hover' | 'select', key: Key): void {
    const detail = { key, places: this.places(key) };
    this.root.dispatchEvent(new CustomEvent(`ncd:${what}`, { bubbles: true, composed: true, detail }));
    if (what === 'hover') this.callbacks.onHover?.(key);
    else this.callbacks.onSelect?.(key);
  }

  fit(): void {
    this.touched = false;
    if (!this.svg) return;
    const size = this.size();
    const camera = fitted(size, this.room().width);
    this.stage.style.height = `${Math.ceil(size.height * camera.scale)}px`; // a tall figure scrolls with the page
    this.look(camera);
  }

  zoom(factor: number, at: Point = middle(this.camera, this.size(), this.room())): void {
    this.touched = true;
    this.look(zoomed(this.camera, factor, at.x, at.y));
  }

  dispose(): void {
    this.stopping.abort();
    this.sizes?.disconnect();
    this.unwatch();
    clearTimeout(this.settle);
    this.root.remove();
  }

  private size(): Size {
    return { width: Number(this.svg?.getAttribute('width')), height: Number(this.svg?.getAttribute('height')) };
  }

  private room(): Size {
    return { width: this.stage.clientWidth, height: this.stage.clientHeight };
  }

  private look(camera: Camera): void {
    this.camera = camera;
    this.pane.style.transform = css(camera);
    // While moving, the browser may scale what it has painted; a moment later it paints afresh.
    this.pane.classList.add('ncd-moving');
    clearTimeout(this.settle);
    this.settle = setTimeout(() => this.pane.classList.remove('ncd-moving'), SETTLE_MS);
  }

  private index(svg: SVGSVGElement): void {
    for (const element of svg.querySelectorAll('[data-op],[data-axis],[data-array],[data-block]')) {
      for (const kind of ['op', 'axis', 'array', 'block'] as const) {
        const id = element.getAttribute(`data-${kind}`);
        if (id === null) continue;
        const k = key(kind, id);
        const known = this.elements.get(k);
        if (known) known.push(element);
        else this.elements.set(k, [element]);
      }
    }
    const number = (k: Key) => Number(parts(k)?.id);
    this.ops = [...this.elements.keys()].filter((k) => k.startsWith('op:')).sort((a, b) => number(a) - number(b));
  }

  private paint(): void {
    const shown = this.hovered || this.selected;
    const keys = shown ? [shown] : this.marked;
    for (const e of this.lit) e.classList.remove('ncd-lit');
    this.lit = keys.flatMap((k) => this.elements.get(k) ?? []);
    for (const e of this.lit) e.classList.add('ncd-lit');
    // A block is named and framed; dimming all else under a resting pointer would only flicker.
    const dims = this.lit.length > 0 && !shown.startsWith('block:');
    this.svg?.classList.toggle('ncd-dimmed', dims);
    this.status.textContent = words(this.facts, shown);
    this.float();
    this.root.classList.toggle('ncd-chosen', !!this.selected); // what one dwells on may take more than a line
  }

  /** What is said is in sight even if the end of a tall figure is not. */
  private float(): void {
    let sight = innerHeight;
    for (let e = this.root.parentElement; e && e !== document.body; e = e.parentElement) {
      if (/auto|scroll|hidden|clip/.test(getComputedStyle(e).overflowY)) sight = Math.min(sight, e.getBoundingClientRect().bottom);
    }
    const up = this.status.textContent ? Math.min(0, sight - this.root.getBoundingClientRect().bottom) : 0;
    this.status.style.transform = up ? `translateY(${Math.floor(up)}px)` : '';
  }

  /** What is at a point of the window: an operation or a wire's axis, else the block around it. */
  private at(event: MouseEvent): Key {
    const scope = this.root.getRootNode() as globalThis.Document | ShadowRoot;
    let block: Key = '';
    for (const dy of NEAR) {
      const there = scope.elementFromPoint?.(event.clientX, event.clientY + dy) ?? (event.target as Element | null);
      if (!there || !this.pane.contains(there)) continue;
      const found = keyOf(there);
      if (found && !found.startsWith('block:')) return found;
      if (dy === 0) block = found;
    }
    return block;
  }

  private listen(): void {
    const { stage, root } = this;
    const signal = this.stopping.signal;
    const on = <K extends keyof HTMLElementEventMap>(type: K, act: (e: HTMLElementEventMap[K]) => void) =>
      stage.addEventListener(type, act, { signal, passive: false });

    on('pointermove', (e) => {
      if (!this.drag) return this.hover(this.at(e), true);
      const [dx, dy] = [e.clientX - this.drag.x, e.clientY - this.drag.y];
      if (!this.drag.far && Math.hypot(dx, dy) < DRAG_PX) return;
      if (!this.drag.far) stage.setPointerCapture?.(this.drag.id);
      this.drag = { id: this.drag.id, x: e.clientX, y: e.clientY, far: true };
      this.touched = true;
      this.look(moved(this.camera, dx, dy));
    });
    on('pointerdown', (e) => {
      if (e.button === 0 && e.pointerType !== 'touch') this.drag = { id: e.pointerId, x: e.clientX, y: e.clientY, far: false };
    });
    on('pointerup', (e) => {
      const dragged = this.drag?.far;
      this.drag = null;
      if (e.button !== 0 || dragged) return;
      const there = this.at(e);
      this.select(there === this.selected ? '' : there, true);
    });
    on('pointercancel', () => (this.drag = null));
    on('pointerleave', () => this.drag || this.hover('', true));
    on('dblclick', (e) => {
      const there = this.at(e);
      const closed = closedBlock(this.facts, there);
      const around = there.startsWith('block:') ? parts(there)?.id : '';
      if (closed || around) this.callbacks.onToggle?.(closed || around || '', !!closed);
    });
    on('wheel', (e) => {
      if (!e.ctrlKey && !e.metaKey) return; // the page scrolls past
      e.preventDefault();
      const box = stage.getBoundingClientRect();
      const pixels = e.deltaMode === 1 ? e.deltaY * 16 : e.deltaY;
      const at = { x: e.clientX - box.left, y: e.clientY - box.top };
      this.zoom(Math.exp(-Math.max(-100, Math.min(100, pixels)) / 250), at);
    });
    root.addEventListener('keydown', (e) => this.press(e), { signal });
    document.addEventListener('scroll', () => this.float(), { signal, capture: true, passive: true });
  }

  private press(e: KeyboardEvent): void {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === 'Escape') {
      this.hover('', true);
      this.select('', true);
    } else if (e.key === '+' || e.key === '=') this.zoom(STEP);
    else if (e.key === '-') this.zoom(1 / STEP);
    else if (e.key === '0') this.fit();
    else if (e.key === 'ArrowRight' || e.key === 'ArrowLeft') this.walk(e.key === 'ArrowRight' ? 1 : -1);
    else return;
    e.preventDefault();
    e.stopPropagation(); // or a notebook takes the key for a command
  }

  private walk(by: 1 | -1): void {
    if (!this.ops.length) return;
    const at = this.ops.indexOf(this.selected);
    const to = at < 0 ? (by > 0 ? 0 : this.ops.length - 1) : (at + by + this.ops.length) % this.ops.length;
    this.hover('', true);
    this.select(this.ops[to] ?? '', true);
    this.reveal();
  }

  /** Moves as little as possible so that what is lit is in the window; a key may choose what is not. */
  private reveal(): void {
    const box = this.lit[0]?.getBoundingClientRect();
    if (!box?.width) return;
    const stage = this.stage.getBoundingClientRect();
    const dx = into(box.left, box.right, stage.left, stage.right);
    const dy = into(box.top, box.bottom, stage.top, stage.bottom);
    if (dx || dy) {
      this.touched = true;
      this.look(moved(this.camera, dx, dy));
    }
  }
}

/**
 * What an element of a figure stands for: its op, else its axis, else its block.  The op goes first
 * because some consist of nothing but dots on wires and bends of them; the wires beside say their axes.
 */
function keyOf(element: Element): Key {
  for (const kind of ['op', 'axis', 'array', 'block'] as const) {
    const id = element.closest(`[data-${kind}]`)?.getAttribute(`data-${kind}`);
    if (id !== null && id !== undefined) return key(kind, id);
  }
  return '';
}

function make(tag: string, name: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = name;
  return element;
}

function button(label: string, title: string, act: () => void): HTMLElement {
  const element = make('button', 'ncd-button');
  element.textContent = label;
  element.title = title;
  element.setAttribute('aria-label', title);
  element.setAttribute('type', 'button');
  element.addEventListener('click', act);
  return element;
}
