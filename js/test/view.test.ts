import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { View } from '../src/view';
import { FACTS, SVG } from './figure';

let view: View;
const doc = (svg: string, facts: object) => ({ scenes: [{ svg, facts }] });
const told: [string, string][] = [];
const $ = (selector: string) => view.root.querySelector(selector)!;
const lit = () => [...view.root.querySelectorAll('.ncd-lit')].map((e) => e.getAttribute('data-op') ?? e.localName);
const press = (key: string, more = {}) => {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more });
  $('.ncd-stage').dispatchEvent(event);
  return event;
};
const point = (type: string, at: Element, more = {}) =>
  at.dispatchEvent(new PointerEvent(type, { bubbles: true, button: 0, pointerType: 'mouse', ...more }));

beforeEach(() => {
  told.length = 0;
  view = new View(document.body, {
    onHover: (k) => told.push(['hover', k]),
    onSelect: (k) => told.push(['select', k]),
    onToggle: (p, open) => told.push([open ? 'open' : 'close', p]),
  });
  // happy-dom lays nothing out, so what is at a point is what the event says
  (document as { elementFromPoint?: unknown }).elementFromPoint = undefined;
  view.show({ scenes: [{ svg: SVG, facts: FACTS }] });
});
afterEach(() => view.dispose());

test('an axis is lit wherever it is, and all else dimmed', () => {
  point('pointermove', $('[data-array="2"]'));
  expect(lit()).toEqual(['path', 'path', 'text']);
  expect($('svg').classList.contains('ncd-dimmed')).toBe(true);
  expect($('.ncd-status').textContent).toBe('axis m  ·  size: 512');
  point('pointermove', $('[data-array="1"]'));
  expect(told).toEqual([['hover', 'axis:3']]); // the same axis is not told twice
  point('pointerleave', $('.ncd-stage'), { bubbles: false });
  expect(lit()).toEqual([]);
  expect($('svg').classList.contains('ncd-dimmed')).toBe(false);
  expect(told.at(-1)).toEqual(['hover', '']);
});

test('an operation is lit by any part of it', () => {
  point('pointermove', $('[data-op="10"] tspan'));
  expect(lit()).toEqual(['10']);
  expect($('.ncd-status').textContent).toContain('linear');
});

test('a block is named without dimming what is in it', () => {
  point('pointermove', $('.ncd-block'));
  expect($('svg').classList.contains('ncd-dimmed')).toBe(false);
  expect($('.ncd-status').textContent).toBe('block Block');
});

test('a wire is found though the pointer is a little off', () => {
  const wire = $('[data-array="1"]');
  (document as { elementFromPoint?: unknown }).elementFromPoint = (_: number, y: number) =>
    y === 14 ? $('.ncd-block') : y === 11 ? wire : $('.ncd-background');
  point('pointermove', $('.ncd-block'), { clientX: 5, clientY: 14 });
  expect(told).toEqual([['hover', 'axis:3']]);
});

test('a click chooses, a second one gives up, a hover shows through', () => {
  const op = $('[data-op="2"] path');
  point('pointerdown', op);
  point('pointerup', op);
  expect(told).toEqual([['select', 'op:2']]);
  view.hover('axis:3');
  expect(lit()).toEqual(['path', 'path', 'text']);
  view.hover('');
  expect(lit()).toEqual(['2']);
  point('pointerdown', op);
  point('pointerup', op);
  expect(told.at(-1)).toEqual(['select', '']);
});

test('dragging moves and chooses nothing', () => {
  const op = $('[data-op="2"] path');
  const before = ($('.ncd-pane') as HTMLElement).style.transform;
  point('pointerdown', op, { clientX: 0, clientY: 0 });
  point('pointermove', op, { clientX: 2, clientY: 0 });
  expect(($('.ncd-pane') as HTMLElement).style.transform).toBe(before);
  point('pointermove', op, { clientX: 30, clientY: 10 });
  point('pointerup', op, { clientX: 30, clientY: 10 });
  expect(($('.ncd-pane') as HTMLElement).style.transform).toBe('translate(30px, 10px) scale(1.0000)');
  expect(told).toEqual([]);
});

test('the wheel zooms only with Ctrl or Cmd', () => {
  const wheel = (more: object) => {
    const event = new WheelEvent('wheel', { deltaY: -100, bubbles: true, cancelable: true });
    for (const [k, v] of Object.entries(more)) Object.defineProperty(event, k, { value: v });
    $('.ncd-stage').dispatchEvent(event);
    return event.defaultPrevented;
  };
  expect(wheel({})).toBe(false);
  expect(($('.ncd-pane') as HTMLElement).style.transform).toContain('scale(1.0000)');
  expect(wheel({ ctrlKey: true })).toBe(true);
  expect(($('.ncd-pane') as HTMLElement).style.transform).toContain('scale(1.49');
});

test('keys: through the operations in order, zoom, all, nothing', () => {
  press('ArrowRight');
  press('ArrowRight');
  press('ArrowRight');
  press('ArrowLeft');
  expect(told.filter(([what]) => what === 'select').map(([, k]) => k)).toEqual(['op:2', 'op:10', 'op:2', 'op:10']);
  const escape = press('Escape');
  expect(told.at(-1)).toEqual(['select', '']);
  expect(escape.defaultPrevented).toBe(true);
  press('+');
  expect(($('.ncd-pane') as HTMLElement).style.transform).toContain('scale(1.25');
  press('-');
  press('0');
  expect(($('.ncd-pane') as HTMLElement).style.transform).toContain('scale(1.0000)');
  expect(press('c').defaultPrevented).toBe(false);
  expect(press('+', { ctrlKey: true }).defaultPrevented).toBe(false);
});

test('keys it takes do not reach the notebook, others do', () => {
  const heard = vi.fn();
  document.body.addEventListener('keydown', heard);
  press('0');
  expect(heard).not.toHaveBeenCalled();
  press('b');
  expect(heard).toHaveBeenCalledOnce();
  document.body.removeEventListener('keydown', heard);
});

test('a double click asks for a closed block to be opened and for an open one to be closed', () => {
  const twice = (selector: string) => $(selector).dispatchEvent(new MouseEvent('dblclick', { bubbles: true }));
  twice('[data-op="10"] path'); // an operation that is no block
  twice('[data-array="1"]');
  expect(told).toEqual([]);
  twice('.ncd-block');
  expect(told).toEqual([['close', 'h.0']]);
  view.show(doc(SVG, { op: { '10': { block: 'h.0.mlp' } } }));
  twice('[data-op="10"] path');
  expect(told.at(-1)).toEqual(['open', 'h.0.mlp']);
});

test('wires inside an operation are the operation', () => {
  const bend = $('[data-array="2"]');
  $('[data-op="2"]').append(bend);
  point('pointermove', bend);
  expect(told).toEqual([['hover', 'op:2']]);
});

test('while nothing is said there is a hint', () => {
  expect($('.ncd-status').textContent).toBe('');
  expect(($('.ncd-status') as HTMLElement).dataset.hint).toContain('double click');
});

test('hostile facts are text', () => {
  view.show(doc(SVG, { op: { '2': { name: '<img src=x onerror=alert(1)>' } } }));
  view.hover('op:2');
  expect($('.ncd-status').children.length).toBe(0);
  expect($('.ncd-status').textContent).toContain('<img src=x');
});

test('a new figure takes the place of the old and keeps what is still chosen', () => {
  view.select('op:2');
  view.show(doc(SVG.replace('data-op="10"', 'data-op="11"'), FACTS));
  expect(lit()).toEqual(['2']);
  view.show(doc(SVG.replace('data-op="2"', 'data-op="3"'), FACTS));
  expect(lit()).toEqual([]);
  expect(view.root.querySelectorAll('svg').length).toBe(1);
});

test('what cannot be shown leaves the figure as it was', () => {
  expect(() => view.show(doc('<svg>', {}))).toThrow();
  expect(view.root.querySelectorAll('svg').length).toBe(1);
  view.hover('axis:3');
  expect(lit().length).toBe(3);
});

test('the figure follows the theme of the host', async () => {
  document.body.dataset.jpThemeLight = 'false';
  await new Promise((r) => setTimeout(r));
  expect($('style').textContent).toContain('@media all');
  delete document.body.dataset.jpThemeLight;
});

test('after its end it hears nothing', () => {
  const stage = $('.ncd-stage');
  view.dispose();
  stage.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
  expect(told).toEqual([]);
  expect(document.body.querySelector('.ncd-view')).toBeNull();
});

test('what is said stays in sight of who looks at the top of a tall figure', () => {
  const status = $('.ncd-status') as HTMLElement;
  view.root.getBoundingClientRect = () => ({ bottom: innerHeight + 300 }) as DOMRect;
  view.hover('op:2');
  expect(status.style.transform).toBe('translateY(-300px)');
  view.root.getBoundingClientRect = () => ({ bottom: innerHeight + 100 }) as DOMRect;
  document.dispatchEvent(new Event('scroll'));
  expect(status.style.transform).toBe('translateY(-100px)');
  view.hover('');
  expect(status.style.transform).toBe('');
});
