import { expect, test } from 'vitest';
import { css, FARTHEST, fitted, into, middle, moved, NEAREST, zoomed } from '../src/camera';

test('its whole width, never larger than life', () => {
  expect(fitted({ width: 100, height: 50 }, 300)).toEqual({ x: 0, y: 0, scale: 1 });
  expect(fitted({ width: 600, height: 9999 }, 300)).toEqual({ x: 0, y: 0, scale: 0.5 });
  expect(fitted({ width: 100, height: 50 }, 0).scale).toBe(1);
});

test('the point under the pointer stays where it is', () => {
  const from = { x: 10, y: 20, scale: 1 };
  const to = zoomed(from, 2, 110, 70);
  expect([(110 - to.x) / to.scale, (70 - to.y) / to.scale]).toEqual([(110 - 10) / 1, (70 - 20) / 1]);
});

test('zoom has ends, and at an end nothing moves', () => {
  let c = { x: 0, y: 0, scale: 1 };
  for (let i = 0; i < 99; i++) c = zoomed(c, 3, 50, 50);
  expect(c.scale).toBe(NEAREST);
  expect(zoomed(c, 3, 50, 50)).toEqual(c);
  for (let i = 0; i < 99; i++) c = zoomed(c, 1 / 3, 50, 50);
  expect(c.scale).toBe(FARTHEST);
});

test('as CSS', () => {
  expect(css(moved({ x: 1, y: 2, scale: 1.5 }, 0.126, -4))).toBe('translate(1.13px, -2px) scale(1.5000)');
});

test('the middle of what is seen', () => {
  const room = { width: 400, height: 200 };
  expect(middle({ x: 0, y: 0, scale: 1 }, { width: 100, height: 50 }, room)).toEqual({ x: 50, y: 25 });
  expect(middle({ x: -100, y: 20, scale: 2 }, { width: 150, height: 500 }, room)).toEqual({ x: 100, y: 110 });
});

test('moved into the window and no further', () => {
  expect([into(10, 20, 0, 100), into(-5, 20, 0, 100), into(90, 130, 0, 100), into(-5, 200, 0, 100)]).toEqual([0, 5, -30, 5]);
});
