import { expect, test } from 'vitest';
import { cellOf, compiled, hash } from '../src/lab/hash';

test('a text has the hash that ipykernel gives it', () => {
  // ipykernel.compiler.murmur2_x86(text, 0xc70f6907)
  expect(['', 'a', 'ab', 'abc', 'abcd', 'x = "é語🙂"\n'].map(hash)).toEqual(['3990065800', '2167009006', '2805137849', '3350977461', '804720481', '3590744597']);
});

test('a cell is known by its file', () => {
  expect(cellOf('/tmp/ipykernel_12/345.py')).toBe('345');
  expect(cellOf('C:\\Temp\\ipykernel_12\\345.py')).toBe('345');
  expect(['/home/a/345.py', '/tmp/ipykernel_x/345.py', ''].map(cellOf)).toEqual(['', '', '']);
});

test('what a magic runs begins on the second line', () => {
  expect(compiled('x\ny')).toEqual([{ hash: hash('x\ny'), line: 1 }]);
  expect(compiled('%%ncd -x\ny').slice(1)).toEqual([{ hash: hash('y'), line: 2 }, { hash: hash('y\n'), line: 2 }]);
});
