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
  expect(place.querySelectorAll('svg').length).toBe(1);
  view.hover('axis:3');
  expect(place.querySelectorAll('.ncd-lit').length).toBe(3);
  expect(place.querySelector('.ncd-status')!.textContent).toContain('512');
});
