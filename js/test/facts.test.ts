import { expect, test } from 'vitest';
import { factOf, key, parts, words } from '../src/facts';
import { FACTS } from './figure';

test('a key is a kind and an id, which may hold anything', () => {
  expect(parts(key('block', 'a:b'))).toEqual({ kind: 'block', id: 'a:b' });
  expect(parts('')).toBeNull();
  expect(parts('nothing:1')).toBeNull();
});

test('facts in words, name first, empty ones left out', () => {
  expect(words(FACTS, 'axis:3')).toBe('axis m  ·  size: 512');
  expect(words(FACTS, 'op:10')).toBe('op linear  ·  weave: b s [d] -> b s o  ·  shapes: 2, 3, 2, 4');
  expect(words(FACTS, 'block:h.0')).toBe('block Block');
});

test('what is not known is passed over in silence', () => {
  expect(words(FACTS, 'op:99')).toBe('');
  expect(words(FACTS, 'array:1')).toBe('');
  expect(words({}, 'block:h.1')).toBe('h.1');
  expect(factOf(FACTS, 'op:constructor')).toBeNull(); // an id is never looked up on a prototype
  expect(factOf(FACTS, 'op:__proto__')).toBeNull();
});
