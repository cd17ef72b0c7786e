import { expect, test } from 'vitest';
import { figure } from '../src/safe';
import { outlines, spots } from '../src/spots';
import { SVG } from './figure';

const found = (() => {
  return spots(figure(SVG));
})();
const at = (x: number, y: number, reach = 6) => found.find(x, y, reach).key;

test('operations before wires, wires before blocks, a little beside them too', () => {
  expect(at(60, 10)).toBe('op:10');
  expect(found.find(30, 13, 6)).toEqual({ key: 'axis:3', array: 'array:1' });
  expect(found.find(120, 7, 6)).toEqual({ key: 'axis:3', array: 'array:2' });
  expect(at(30, 40)).toBe('block:h.0');
  expect(at(30, 13, 1)).toBe('block:h.0');
  expect(at(150, 60)).toBe('');
  expect(at(49, 10)).toBe('op:10'); // at the end of a wire both are near
});

test('of blocks in blocks the innermost, and of a block in two rows either part', () => {
  const svg = SVG.replace('<path class="ncd-wire"', '<path class="ncd-block" data-block="h.0.a" d="M10 40H50V90H10Z"/><path class="ncd-block" data-block="h.0" d="M120 50H190V90H120Z"/><path class="ncd-wire"');
  const two = spots(figure(svg));
  expect(two.find(30, 60, 6).key).toBe('block:h.0.a');
  expect(two.find(80, 60, 6).key).toBe('block:h.0');
  expect(two.find(150, 60, 6).key).toBe('block:h.0');
  expect(two.find(110, 60, 6).key).toBe(''); // between its parts
});

test('boxes are those of all that a thing consists of', () => {
  expect(found.box('op:10')).toEqual([50, 0, 90, 28]);
  expect(found.box('axis:3')![2]).toBe(150);
  expect(found.box('op:99')).toBeUndefined();
});

test('the commands that figures are written with', () => {
  expect(outlines('M1 2H5V7L0 0')).toEqual([[[[1, 2], [5, 2], [5, 7], [0, 0]], false]]);
  expect(outlines('M0 0H4V4ZM9 9H8')).toEqual([[[[0, 0], [4, 0], [4, 4], [0, 0]], true], [[[9, 9], [8, 9]], false]]);
  const [[curve]] = outlines('M0 0C0 10 10 10 10 0') as [[[number, number][], boolean]];
  expect(curve).toHaveLength(5);
  expect(curve[2]).toEqual([5, 7.5]);
  // A half circle to the right, as a contraction is drawn: its middle is r away from the chord.
  const [[bend]] = outlines('M0 0A10 10 0 0 1 0 20') as [[[number, number][], boolean]];
  expect(bend).toEqual([[0, 0], [10, 10], [0, 20]]);
  expect(outlines('M0 0A10 10 0 0 0 0 20')[0]![0][1]).toEqual([-10, 10]);
  expect(outlines('')).toEqual([]);
});
