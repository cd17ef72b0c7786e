/** The window onto a figure: layers that move as one, and what wheel, mouse, fingers and pen do to them. */

import { clamp, css, FARTHEST, fitted, into, middle, moved, NEAREST, zoomed, type Camera, type Point, type Size } from './camera';
import { type Box, el, fill, h, on, place, set, toggle } from './dom';
import { finite } from './facts';
import type { Picture } from './safe';

/** A point in the figure's px, and how far around it to look. */
export type Aim = readonly [x: number, y: number, reach: number];

export interface Gestures {
  hover(at: Aim, by: PointerEvent): void;
  leave(): void;
  click(at: Aim): void;
  twice(at: Aim): void;
  /** The reader moved the window. */
  moved(): void;
}

export interface Stage {
  readonly root: HTMLElement;
  /** Lies over the figure: the pointer has its shape from here. */
  readonly glass: HTMLElement;
  /** Puts these layers in place of others; what was moved in the figure by `by` stays where one saw it; `whole` is called when all of it is there. */
  show(picture: Picture, over: SVGSVGElement, by: Point, whole: () => void): void;
  fit(): void;
  zoom(factor: number): void;
  move(dx: number, dy: number): void;
  /** The point of the figure in the middle of the window. */
  middle(): Point;
  /** Where the reader has moved to, as shares of the figure, and the scale; null: it is as it was at first. */
  state(): [number, number, number] | null;
  restore(state: unknown): void;
  /** A box of the figure in the page's window. */
  box(of: Box): Box;
  /** Moves as little as possible so that a box of the figure is in the window. */
  reveal(box: Box): void;
}

/** So many frames without a move, and the picture is painted afresh: of a large one they may be long. */
const SETTLE = 8;
const DRAG_PX = 4;
const frame = (act: () => void) => requestAnimationFrame(act);

export function stage(told: Gestures): Stage {
  const pane = h('div', 'pane');
  // What the browser must ask before it scrolls it keeps as a region of every mark within, made anew in every
  // frame that moves: so wheel and fingers are heard over the figure and not around it.
  const glass = h('div', 'glass');
  const drag = (on: boolean) => toggle(glass, 'dragging', (dragged = on));
  const root = el('div', 'stage', { tabindex: '0', role: 'application', 'aria-roledescription': 'diagram' }, pane, glass);
  let size: Size = { width: 0, height: 0 };
  let camera: Camera = { x: 0, y: 0, scale: 1 };
  let touched = false;
  let [wide, dragged] = [0, false];
  let resting = 0;
  let hovering: PointerEvent | null = null;
  const fingers = new Map<number, Point>();

  const room = (): Size => ({ width: root.clientWidth, height: root.clientHeight });
  const look = (to: Camera) => {
    camera = to;
    pane.style.transform = css(camera);
  };
  const go = (to: Camera) => {
    touched = true;
    look(to);
    told.moved();
    // While moving, the browser may scale what it has painted; a moment later it paints afresh.
    toggle(pane, 'moving', true);
    const rest = () => {
      if (resting-- > 0) frame(rest);
      else toggle(pane, 'moving', false);
    };
    if (resting <= 0) frame(rest);
    resting = SETTLE;
  };
  const fit = () => {
    touched = false;
    if (!size.width) return;
    const to = fitted(size, root.clientWidth);
    root.style.height = `${Math.ceil(size.height * to.scale)}px`; // a tall figure scrolls with the page
    look(to);
    told.moved();
  };
  const point = (e: MouseEvent): Point => {
    const [left, top] = place(root);
    return { x: e.clientX - left, y: e.clientY - top };
  };
  const aim = (e: MouseEvent): Aim => {
    const { x, y } = point(e);
    return [(x - camera.x) / camera.scale, (y - camera.y) / camera.scale, ((e as PointerEvent).pointerType === 'touch' ? 14 : 6) / camera.scale];
  };
  const box = ([x, y, right, bottom]: Box): Box => {
    const [left, top] = place(root);
    const [dx, dy, k] = [left + camera.x, top + camera.y, camera.scale];
    return [dx + x * k, dy + y * k, dx + right * k, dy + bottom * k];
  };

  on(root, 'pointermove', (e: PointerEvent) => {
    const from = fingers.get(e.pointerId);
    if (!from) {
      // What is under the pointer is asked once a frame, however often it moves.
      if (!hovering) frame(() => {
        const last = hovering;
        hovering = null;
        if (last) told.hover(aim(last), last);
      });
      hovering = e;
      return;
    }
    const to = point(e);
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const other = [...fingers].find(([id]) => id !== e.pointerId)?.[1];
    if (other) {
      drag(true);
      const far = (p: Point) => Math.hypot(p.x - other.x, p.y - other.y) || 1;
      go(moved(zoomed(camera, far(to) / far(from), (to.x + other.x) / 2, (to.y + other.y) / 2), dx / 2, dy / 2));
    } else if (e.pointerType === 'touch' || (!dragged && Math.hypot(dx, dy) < DRAG_PX)) return; // one finger scrolls the page
    else {
      if (!dragged) glass.setPointerCapture?.(e.pointerId);
      drag(true);
      go(moved(camera, dx, dy));
    }
    fingers.set(e.pointerId, to);
  });
  on(root, 'pointerdown', (e: PointerEvent) => {
    if (e.button) return;
    if (!fingers.size) drag(false);
    fingers.set(e.pointerId, point(e));
  });
  on(root, 'pointerup', (e: PointerEvent) => {
    if (fingers.delete(e.pointerId) && !dragged) told.click(aim(e));
    toggle(glass, 'dragging', false);
  });
  on(root, 'pointercancel', (e: PointerEvent) => fingers.delete(e.pointerId));
  on(root, 'pointerleave', () => {
    hovering = null;
    if (!fingers.size) told.leave();
  });
  on(root, 'dblclick', (e: MouseEvent) => told.twice(aim(e)));
  glass.addEventListener('wheel', (e) => {
    if (!e.ctrlKey && !e.metaKey) return; // the page scrolls past
    e.preventDefault();
    const { x, y } = point(e);
    const pixels = e.deltaMode === 1 ? e.deltaY * 16 : e.deltaY;
    go(zoomed(camera, Math.exp(clamp(pixels, -100, 100) / -250), x, y));
  }, { passive: false });
  const sizes = new ResizeObserver(() => {
    // What opens beside takes room from the window and leaves the picture where it is.
    const now = root.closest('.ncd-view')?.clientWidth ?? 0;
    if (now === wide) return;
    wide = now;
    if (!touched) fit();
  });

  const self: Stage = {
    root, glass, fit, box,
    show(picture, over, by, whole) {
      size = picture;
      sizes.observe(root);
      fill(pane, [picture.ground, picture.ink, over]);
      // A large figure grows after a frame is painted.
      const grow = () => {
        if (picture.rest[0]) frame(() => setTimeout(() => {
          picture.more();
          grow();
        }));
        else whole();
      };
      pane.style.width = `${size.width}px`;
      pane.style.height = `${size.height}px`;
      set(root, 'aria-label', `${picture.title || 'Diagram'}. Arrow keys walk through it, ? lists all keys.`);
      set(root, 'aria-description', picture.description);
      if (!touched) fit();
      else look(moved(camera, -by.x * camera.scale, -by.y * camera.scale));
      grow();
    },
    zoom(factor) {
      const { x, y } = middle(camera, size, room());
      go(zoomed(camera, factor, x, y));
    },
    move: (dx, dy) => go(moved(camera, dx, dy)),
    middle() {
      const { width, height } = room();
      return { x: (width / 2 - camera.x) / camera.scale, y: (height / 2 - camera.y) / camera.scale };
    },
    state() {
      if (!touched) return null;
      const { x, y } = self.middle();
      return [x / (size.width || 1), y / (size.height || 1), camera.scale].map((n) => +n.toFixed(4)) as [number, number, number];
    },
    restore(state) {
      if (!finite(state) || !(state[2]! > 0)) return fit();
      const { width, height } = room();
      const scale = clamp(state[2]!, FARTHEST, NEAREST);
      touched = true;
      look({ x: width / 2 - state[0]! * size.width * scale, y: height / 2 - state[1]! * size.height * scale, scale });
    },
    reveal(of) {
      const [left, top, right, bottom] = place(root);
      if (right === left) return;
      const [x, y, ex, ey] = box(of);
      const [dx, dy] = [into(x - 8, ex + 8, left, right), into(y - 8, ey + 8, top, bottom)];
      if (dx || dy) go(moved(camera, dx, dy));
      // Of a figure taller than the page, the page shows a part.
      if (y + dy < 0 || ey + dy > innerHeight) pane.querySelector('.ncd-chosen, .ncd-lit')?.scrollIntoView?.({ block: 'nearest' });
    },
  };
  return self;
}
