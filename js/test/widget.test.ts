import { expect, test } from 'vitest';
import widget, { type Model } from '../src/widget';
import { FACTS, SVG } from './figure';

/** anywidget's model, as far as it is used: setting tells listeners, at once and also the setter. */
class Fake implements Model {
  saved = 0;
  private readonly listeners = new Map<string, Set<() => void>>();
  constructor(readonly state: Record<string, unknown>) {}
  get(name: string) {
    return this.state[name];
  }
  set(name: string, value: unknown) {
    if (this.state[name] === value) return;
    this.state[name] = value;
    for (const act of this.listeners.get(`change:${name}`) ?? []) act();
  }
  on(event: string, act: () => void) {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(act));
  }
  off(event: string, act: () => void) {
    this.listeners.get(event)?.delete(act);
  }
  save_changes() {
    this.saved++;
  }
  get count() {
    return [...this.listeners.values()].reduce((n, s) => n + s.size, 0);
  }
}

const doc = (svg: string, facts: object = FACTS) => ({ scenes: [{ svg, facts }] });
const setUp = (more: { facts?: object; [name: string]: unknown } = {}) => {
  const model = new Fake({ document: doc(SVG, more.facts), opened: [], selected: '', hovered: '', ...more });
  const el = document.createElement('div');
  const stop = widget.render({ model, el });
  return { model, el, stop };
};
const lit = (el: HTMLElement) => el.querySelectorAll('.ncd-lit').length;

test('what Python hovers and selects is lit', () => {
  const { model, el } = setUp({ selected: 'op:2' });
  expect(lit(el)).toBe(2);
  model.set('hovered', 'axis:3');
  expect(lit(el)).toBe(2);
  expect(model.saved).toBe(1); // nothing is sent back but what is now seen
  expect(model.get('state')).toEqual({ selected: 'op:/softmax' });
  model.set('hovered', '');
  model.set('selected', '');
  expect(lit(el)).toBe(0);
});

test('what the reader hovers reaches Python once', async () => {
  const { model, el } = setUp();
  el.querySelector('.ncd-stage')!.dispatchEvent(new PointerEvent('pointermove', { bubbles: true, clientX: 160, clientY: 10 }));
  await new Promise((done) => setTimeout(done, 30));
  expect(model.get('hovered')).toBe('op:2');
  expect(model.saved).toBe(1);
});

test('a double click opens a block and closes it again', () => {
  const facts = { op: { '2': { block: 'h.1' } } };
  const { model, el } = setUp({ opened: ['a', 'h.0', 'h.0.attn', 'h.01'], closed: ['h.1', 'h.1.mlp', 'h.0.mlp'], facts });
  const twice = (clientX: number, clientY: number) => el.querySelector('.ncd-stage')!.dispatchEvent(new MouseEvent('dblclick', { clientX, clientY }));
  twice(160, 10);
  expect(model.get('opened')).toEqual(['a', 'h.0', 'h.0.attn', 'h.01', 'h.1']);
  expect(model.get('closed')).toEqual(['h.1.mlp', 'h.0.mlp']);
  twice(30, 60); // and all that is in it
  expect(model.get('opened')).toEqual(['a', 'h.01', 'h.1']);
  expect(model.get('closed')).toEqual(['h.1.mlp', 'h.0']);
  expect(model.saved).toBe(2); // both at once
});

test('a new figure is shown', () => {
  const { model, el } = setUp();
  model.set('document', doc(SVG.replace('data-op="2"', 'data-op="5"')));
  expect(el.querySelector('[data-op="5"]')).not.toBeNull();
  expect(el.querySelectorAll('[data-op="2"]').length).toBe(0);
});

test('when it is over nothing is left behind', () => {
  const { model, el, stop } = setUp();
  expect(model.count).toBe(6);
  stop();
  expect(model.count).toBe(0);
  expect(el.childElementCount).toBe(0);
});
