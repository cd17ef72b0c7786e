/** Where in a figure the reader looks: pan and zoom as numbers, without a page. */

export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

export const NEAREST = 8;
export const FARTHEST = 0.05;

/** A figure in its whole width, no larger than life, where a plain picture would stand. */
export function fitted(figure: Size, room: number): Camera {
  return { x: 0, y: 0, scale: room && clamp(room / figure.width, FARTHEST, 1) || 1 };
}

/** Nearer or farther by a factor, the point (x, y) of the window staying where it is. */
export function zoomed(from: Camera, factor: number, x: number, y: number): Camera {
  const scale = clamp(from.scale * factor, FARTHEST, NEAREST);
  const by = scale / from.scale;
  return { x: x - (x - from.x) * by, y: y - (y - from.y) * by, scale };
}

export function moved(from: Camera, dx: number, dy: number): Camera {
  return { x: from.x + dx, y: from.y + dy, scale: from.scale };
}

/** The middle of what is seen of the figure: about it one zooms who points nowhere. */
export function middle(from: Camera, figure: Size, room: Size): Point {
  const half = (at: number, length: number, end: number) => (Math.max(0, at) + Math.min(end, at + length * from.scale)) / 2;
  return { x: half(from.x, figure.width, room.width), y: half(from.y, figure.height, room.height) };
}

/** How far to move what is from a to b so that it lies between start and end, or begins there if it is longer. */
export function into(a: number, b: number, start: number, end: number): number {
  return a < start || b - a > end - start ? start - a : Math.min(0, end - b);
}

export function css(c: Camera): string {
  return `translate(${+c.x.toFixed(2)}px, ${+c.y.toFixed(2)}px) scale(${c.scale.toPrecision(5)})`;
}
