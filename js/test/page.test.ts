import { beforeEach, expect, test } from 'vitest';
import { FACTS, SVG } from './figure';

beforeEach(() => document.body.replaceChildren());

test('the picture of an exported page comes to life', async () => {
  const { start } = await import('../src/page');
  expect(start(document)).toBeNull(); // a page without a figure is left alone
  const place = document.createElement('div');
  place.id = 'ncd-figure';
  place.append(new DOMParser().parseFromString(SVG, 'image/svg+xml').documentElement);
  const data = document.createElement('script');
  data.id = 'ncd-document';
  data.type = 'application/json';
  data.textContent = JSON.stringify({ scenes: [{ facts: FACTS }] });
  document.body.append(place, data);
  const view = start(document)!;
  expect(place.querySelectorAll('.ncd-pane > svg').length).toBe(3);
  expect(place.querySelectorAll(':scope > svg').length).toBe(0);
  view.hover('axis:3');
  expect(place.querySelectorAll('.ncd-lit').length).toBe(2);
  expect(place.querySelector('.ncd-status')!.textContent).toContain('512');
});

test('a link says what to look at, anything else says nothing', async () => {
  const { read } = await import('../src/page');
  expect(read('#ncd=' + encodeURIComponent('{"selected":"op:a/b"}'))).toEqual({ selected: 'op:a/b' });
  for (const hash of ['', '#x', '#ncd=', '#ncd=%', '#ncd=5', '#ncd=null', '#ncd={']) expect(read(hash)).toBeNull();
});
