import { expect, test } from 'vitest';
import { figure } from '../src/safe';
import { SVG } from './figure';

const into = (inner: string, attributes = '') =>
  figure(`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" id="f" ${attributes}>${inner}</svg>`);

test('a figure of ours passes whole', () => {
  const made = figure(SVG);
  expect(made.getAttribute('viewBox')).toBe('0 0 200 100');
  expect(made.querySelectorAll('*').length).toBe(SVG.match(/<[a-z]/g)!.length - 1);
  expect(made.querySelector('[data-op="10"] text')?.textContent).toBe('LQ');
  expect(made.querySelector('style')?.textContent).toContain('fill:#17181b');
  expect(made.querySelector('style')?.textContent).toContain('Liberation Serif');
});

test.each([
  '<script>alert(1)</script>',
  '<image href="http://x.example/a.png"/>',
  '<use xlink:href="#f"/>',
  '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="alert(1)"/></body></foreignObject>',
  '<a href="javascript:alert(1)"><text>x</text></a>',
  '<animate attributeName="href" values="javascript:alert(1)"/>',
  '<embed xmlns="http://www.w3.org/1999/xhtml" src="http://x.example"/>',
  '<rect xmlns="http://www.w3.org/1999/xhtml" width="1"/>',
])('%s is left out', (inner) => {
  expect(into(inner).childElementCount).toBe(0);
});

test('attributes that are not ours are left out', () => {
  const made = into('<path d="M0 0" onclick="alert(1)" style="fill:url(http://x)" fill="url(#a)" href="x" data-op="1"/>', 'onload="alert(1)"');
  expect([...made.attributes].map((a) => a.name)).toEqual(['id']);
  expect([...made.firstElementChild!.attributes].map((a) => a.name)).toEqual(['d', 'data-op']);
});

test('a style sheet keeps only rules for the figure itself', () => {
  const rules = [
    '#f .ncd-wire{stroke:#111111}',
    'body{display:none}',
    '#f .a{fill:url(http://x.example)}',
    '#g .a{fill:red}',
    '#f .a{fill:re\\64}',
    '@import "http://x.example";',
    '#f .a{} body{display:none}',
    '#f .a,body{display:none}',
    '#f .a{background:image-set("http://x.example" 1x)}',
    '#f .b{fill:red}',
  ];
  const kept = into(`<style>${rules.join('\n')}</style>`).querySelector('style')!.textContent!.split('\n');
  expect(kept).toEqual([rules[0], rules[9]]);
});

test('the host decides between light and dark if it says anything', () => {
  const media = (scheme: 'light' | 'dark' | null) => figure(SVG, scheme).querySelector('style')!.textContent!.match(/@media [^{]*/)![0];
  expect(media(null)).toBe('@media (prefers-color-scheme:dark)');
  expect(media('dark')).toBe('@media all');
  expect(media('light')).toBe('@media not all');
});

test('what is no SVG is refused', () => {
  for (const text of ['', 'hello', '<html/>', '<svg>', '<svg/>']) expect(() => figure(text), text).toThrow();
});
