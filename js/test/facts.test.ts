import { expect, test } from 'vitest';
import { closedBlock, factOf, key, parts, words } from '../src/facts';
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

test('a place in the code by its own file, a cell as a cell', () => {
  const said = (source: string) => words({ op: { '1': { name: 'f', source } } }, 'op:1');
  expect(said('/usr/lib/gpt.py:3 in forward')).toBe('op f  ·  source: gpt.py:3 in forward');
  expect(said('C:\\lib\\gpt.py:3')).toBe('op f  ·  source: gpt.py:3');
  expect(said('/tmp/ipykernel_12/345.py:3 in forward')).toBe('op f  ·  source: cell:3 in forward');
});

test('what an operation does is said first, labels and ids not at all', () => {
  const fact = { source: 'a.py:1', name: 'f', path: 'h.0', label: 'F', shapes: '[2] → [2]', weave: '[a] -> [a]' };
  expect(words({ op: { '1': fact } }, 'op:1')).toBe(
    'op f  ·  weave: [a] -> [a]  ·  shapes: [2] → [2]  ·  path: h.0  ·  source: a.py:1',
  );
  expect(words({ array: { '1': { name: 'x', axes: [1, 2] } } }, 'array:1')).toBe('array x');
  expect(words({ block: { a: { title: 'A', repeat: 1 }, b: { title: 'B', repeat: 12 } } }, 'block:a')).toBe('block A');
});

test('an op that stands for a closed block says which', () => {
  expect(words({ op: { '1': { name: 'Attention', block: 'h.0' } } }, 'op:1')).toBe('closed block Attention  ·  block: h.0');
  const facts = { op: { '1': { block: 'h.0' }, '2': {} } };
  expect(['op:1', 'op:2', 'op:3', 'axis:1', ''].map((k) => closedBlock(facts, k))).toEqual(['h.0', '', '', '', '']);
});
