import { expect, test } from 'vitest';
import { closedBlock, factOf, file, key, parts, rows, say, titled } from '../src/facts';
import { FACTS as facts } from './figure';

const FACTS = { facts };

test('a key is a kind and an id, which may hold anything', () => {
  expect(parts(key('block', 'a:b'))).toEqual(['block', 'a:b']);
  expect(parts('')).toEqual(['', '']);
  expect(parts('nothing:1')).toEqual(['', '']);
});

test('what else is known, in rows; labels, ids and what is empty not at all', () => {
  expect(rows(FACTS, 'axis:3')).toEqual([['size', '512']]);
  expect(rows(FACTS, 'op:2')).toEqual([['flops', '1,024'], ['share', '25% of all FLOPs']]);
  expect(rows({ facts: { op: { '1': { name: 'f', some_thing: [1, 2], x: '', n: 0, label: 'F' } } } }, 'op:1')).toEqual([['some thing', '1, 2']]);
  expect(rows(FACTS, 'op:99')).toEqual([]);
});

test('an id is never looked up on a prototype', () => {
  expect(factOf(FACTS, 'op:constructor')).toEqual({});
  expect(factOf(FACTS, 'op:__proto__')).toEqual({});
});

test('things by their names', () => {
  expect(titled(FACTS, 'op:10')).toEqual(['operation', 'linear']);
  expect(titled(FACTS, 'block:h.0')).toEqual(['block', 'Block']);
  expect(titled({ facts: {} }, 'block:h.1')).toEqual(['block', 'h.1']);
  expect(titled({ facts: { op: { '1': { name: 'Attention', block: 'h.0' } } } }, 'op:1')[0]).toBe('closed block');
});

test('a place in the code by its own file, a cell as a cell', () => {
  expect(file('/usr/lib/gpt.py:3 in forward')).toBe('gpt.py:3 in forward');
  expect(file('C:\\lib\\gpt.py:3')).toBe('gpt.py:3');
  expect(file('/tmp/ipykernel_12/345.py:3 in forward')).toBe('cell:3 in forward');
});

test('numbers as people write them', () => {
  expect([7087872, 1.23456, 2.5e12, 'x', null, [1, 2]].map(say)).toEqual(['7,087,872', '1.235', '2.5T', 'x', '', '1, 2']);
});

test('an op that stands for a closed block says which', () => {
  const facts = { op: { '1': { block: 'h.0' }, '2': {} } };
  expect(['op:1', 'op:2', 'op:3', 'axis:1', ''].map((k) => closedBlock({ facts }, k))).toEqual(['h.0', '', '', '', '']);
});
