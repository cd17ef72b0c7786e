import { expect, test } from 'vitest';
import { code, lines } from '../src/code';
import { SOURCES } from './figure';

test('text is cut into lines of runs of one look', () => {
  expect(lines('def f:\n  x\n', 'k3t1f1t5')).toEqual([[['k', 'def'], ['t', ' '], ['f', 'f'], ['t', ':']], [['t', '  x']]]);
  expect(lines('ab', 'k1')).toEqual([[['k', 'a'], ['t', 'b']]]); // what no run covers is plain
  expect(lines('ab', '<9')).toEqual([[['t', 'ab']]]);
  expect(lines('"""a\nb"""', 's9')).toEqual([[['s', '"""a']], [['s', 'b"""']]]);
});

test('what is lit is lit to the column, and only as long as it is asked for', () => {
  const pane = code(() => {});
  document.body.append(pane.root);
  pane.show(SOURCES);
  pane.light([[0, 2, 4, 2, 10]]);
  const on = () => [...pane.root.querySelectorAll('.ncd-on')].map((e) => e.textContent);
  expect(pane.root.querySelectorAll('.ncd-line').length).toBe(3);
  expect(on()).toEqual(['    linear(x)']);
  expect([...pane.root.querySelectorAll('.ncd-token')].map((e) => e.textContent)).toEqual(['linear']);
  pane.light([[0]]); // a whole function: brought into sight, nothing lit
  expect(on()).toEqual([]);
  pane.light([[7, 1, 0, 1, 3]]);
  expect(pane.root.textContent).toContain('def forward(self, x):');
  pane.root.remove();
});

test('source is text', () => {
  const pane = code(() => {});
  pane.show([{ file: '</b><img src=x>', function: '<script>', line: 1, text: '<img src=x onerror=alert(1)>\n', tokens: 's28' }]);
  pane.light([]);
  expect(pane.root.querySelectorAll('img, script').length).toBe(0);
  expect(pane.root.textContent).toContain('<img src=x onerror=alert(1)>');
});
