import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Handle } from '../src/document';
import { held } from '../src/held';
import { mount } from '../src/mount';
import { document_, FACTS, packed, SOURCES, SVG } from './figure';

let view: Handle;
const told: [string, string][] = [];
const $ = <E extends HTMLElement>(selector: string) => view.root.querySelector<E>(selector)!;
const lit = () => [...view.root.querySelectorAll('.ncd-lit')].map((e) => e.getAttribute('data-op') ?? e.getAttribute('class')!.split(' ')[0]);
const press = (key: string, more = {}) => {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more });
  $('.ncd-stage').dispatchEvent(event);
  return event;
};
// happy-dom lays nothing out, so a point of the window is that point of the figure
const point = (type: string, x: number, y: number, more = {}) =>
  $('.ncd-stage').dispatchEvent(new PointerEvent(type, { bubbles: true, button: 0, pointerType: 'mouse', clientX: x, clientY: y, ...more }));
const frame = () => new Promise((done) => setTimeout(done, 30));
const move = async (x: number, y: number) => {
  point('pointermove', x, y);
  await frame();
};
const click = (x: number, y: number) => {
  point('pointerdown', x, y);
  point('pointerup', x, y);
};
const camera = () => $('.ncd-pane').style.transform;
const dims = () => $('.ncd-dim') !== null;
const start = (more = {}, given: Parameters<typeof mount>[1] = document_()) => {
  view = mount(document.body, given, { onHover: (k) => told.push(['hover', k]), onSelect: (k) => told.push(['select', k]), ...more });
};

beforeEach(() => {
  told.length = 0;
  start({ onToggle: (p: string, open: boolean) => told.push([open ? 'open' : 'close', p]) });
});
afterEach(() => view.dispose());

test('an axis is one thread, lit with its labels, and all else dimmed', async () => {
  await move(120, 12);
  expect(lit()).toEqual(['ncd-thread', 'ncd-label']);
  expect($('.ncd-thread').getAttribute('d')).toBe('M0 10H50M90 10H150');
  expect(dims()).toBe(true);
  expect($('.ncd-status').textContent).toContain('size 512');
  expect($('.ncd-chip').classList.contains('ncd-on')).toBe(true);
  await move(30, 12);
  expect(told).toEqual([['hover', 'axis:3']]); // the same axis is not told twice
  point('pointerleave', 0, 0, { bubbles: false });
  expect(lit()).toEqual([]);
  expect(dims()).toBe(false);
  expect(told.at(-1)).toEqual(['hover', '']);
});

test('an operation is lit with the wires of its arrays', async () => {
  await move(60, 10);
  expect(lit()).toEqual(['ncd-wire', '10']);
  expect($('.ncd-status').textContent).toContain('linear');
});

test('a block is framed without dimming what is in it', async () => {
  await move(30, 60);
  expect(dims()).toBe(false);
  expect(lit()).toEqual(['ncd-block']);
  expect($('.ncd-status').textContent).toContain('parameters 12');
});

test('what is pointed at is explained beside it, after a moment', async () => {
  await move(60, 10);
  await new Promise((done) => setTimeout(done, 80));
  expect($('.ncd-tip').textContent).toContain('[2, 3] → [2, 4]');
  await move(150, 80);
  expect($('.ncd-tip').textContent).toBe('');
});

test('events on the page say where it was written', async () => {
  const heard: unknown[] = [];
  document.addEventListener('ncd:hover', (e) => heard.push((e as CustomEvent).detail));
  await move(160, 10);
  expect(heard).toEqual([{ key: 'op:2', places: [{ file: '/m/model.py', function: 'M.forward', line: 3, column: 4, end_line: 3, end_column: 11 }] }]);
  expect(view.places('axis:3').map((p) => p.line)).toEqual([3, 2]); // of every operation that it meets
  expect(view.keysAt('/m/model.py', 2)).toEqual(['op:10']);
  expect(view.keysAt('/m/model.py', 2, 2)).toEqual([]);
  expect(view.keysAt('/m/model.py', 2, 6)).toEqual(['op:10']);
  expect(view.keysAt('/other.py', 2)).toEqual([]);
});

test('a click chooses and tells at length, a second one gives up, a hover shows through', async () => {
  click(160, 10);
  expect(told).toEqual([['hover', ''], ['select', 'op:2']].slice(1));
  expect($('.ncd-aside').hidden).toBe(false);
  expect($('.ncd-title').textContent).toBe('softmax');
  expect($('.ncd-details').textContent).toContain('share25% of all FLOPs');
  expect($('.ncd-crumbs').textContent).toBe('Msoftmax');
  view.hover('axis:3');
  expect(lit()[0]).toBe('ncd-thread');
  view.hover('');
  expect(lit()).toContain('2');
  click(160, 10);
  expect(told.at(-1)).toEqual(['select', '']);
  expect($('.ncd-aside').hidden).toBe(true);
});

test('in the details an axis lights up and an operation can be gone to', () => {
  click(160, 10);
  const link = $<HTMLButtonElement>('.ncd-rows .ncd-link');
  link.dispatchEvent(new Event('pointerenter'));
  expect(lit()[0]).toBe('ncd-thread');
  link.click();
  expect($('.ncd-title').textContent).toBe('m');
  [...view.root.querySelectorAll<HTMLButtonElement>('.ncd-rows .ncd-link')].find((b) => b.textContent === 'linear')!.click();
  expect($('.ncd-title').textContent).toBe('linear');
  expect($('.ncd-details').textContent).toContain('weights');
});

test('dragging moves and chooses nothing', () => {
  const before = camera();
  point('pointerdown', 0, 0);
  point('pointermove', 2, 0);
  expect(camera()).toBe(before);
  point('pointermove', 30, 10);
  point('pointerup', 30, 10);
  expect(camera()).toBe('translate(30px, 10px) scale(1.0000)');
  expect(told).toEqual([]);
});

test('two fingers zoom about their middle', () => {
  const touch = { pointerType: 'touch' };
  point('pointerdown', 0, 0, { ...touch, pointerId: 1 });
  point('pointermove', 5, 0, { ...touch, pointerId: 1 });
  expect(camera()).toBe('translate(0px, 0px) scale(1.0000)'); // one finger scrolls the page
  point('pointerdown', 100, 0, { ...touch, pointerId: 2 });
  point('pointermove', 200, 0, { ...touch, pointerId: 2 });
  expect(camera()).toContain('scale(2.0000)');
  point('pointerup', 200, 0, { ...touch, pointerId: 2 });
  point('pointerup', 0, 0, { ...touch, pointerId: 1 });
  expect(told).toEqual([]);
});

test('the wheel zooms only with Ctrl or Cmd', () => {
  const wheel = (more: object) => {
    const event = new WheelEvent('wheel', { deltaY: -100, bubbles: true, cancelable: true });
    for (const [k, v] of Object.entries(more)) Object.defineProperty(event, k, { value: v });
    $('.ncd-glass').dispatchEvent(event);
    return event.defaultPrevented;
  };
  expect(wheel({})).toBe(false);
  expect(camera()).toContain('scale(1.0000)');
  expect(wheel({ ctrlKey: true })).toBe(true);
  expect(camera()).toContain('scale(1.49');
});

test('keys: through the operations, along their axes, zoom, all, nothing', () => {
  for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft', 'ArrowDown', 'ArrowUp']) press(key);
  const chosen = told.filter(([what]) => what === 'select').map(([, k]) => k);
  expect(chosen).toEqual(['op:2', 'op:10', 'op:2', 'op:10', 'axis:3', 'op:10']);
  press('ArrowRight', { shiftKey: true }); // along the wire: what linear makes goes to softmax
  expect(told.at(-1)).toEqual(['select', 'op:2']);
  press('ArrowLeft', { shiftKey: true });
  press('Enter'); // closes the block around
  expect(told.slice(-2)).toEqual([['select', 'op:10'], ['close', 'h.0']]);
  expect(press('Escape').defaultPrevented).toBe(true);
  expect(told.at(-1)).toEqual(['select', '']);
  press('+');
  expect(camera()).toContain('scale(1.25');
  press('-');
  press('0');
  expect(camera()).toContain('scale(1.0000)');
  press('ArrowRight', { altKey: true });
  expect(camera()).toContain('translate(-60px');
  expect(press('x').defaultPrevented).toBe(false);
  expect(press('+', { ctrlKey: true }).defaultPrevented).toBe(false);
});

test('keys it takes do not reach the notebook, others do', () => {
  const heard = vi.fn();
  document.body.addEventListener('keydown', heard);
  press('0');
  $('.ncd-chip').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
  expect(heard).not.toHaveBeenCalled();
  press('b');
  expect(heard).toHaveBeenCalledOnce();
  document.body.removeEventListener('keydown', heard);
});

test('a double click asks for a closed block to be opened and for an open one to be closed', () => {
  const twice = (x: number, y: number) => point('dblclick', x, y);
  twice(60, 10); // an operation that is no block
  twice(120, 10);
  expect(told).toEqual([]);
  twice(30, 60);
  expect(told).toEqual([['close', 'h.0']]);
  view.show(document_(SVG, { op: { '10': { block: 'h.0.mlp' } } }));
  twice(60, 10);
  expect(told.at(-1)).toEqual(['open', 'h.0.mlp']);
});

test('with nobody to ask, a block is entered in the scenes that there are, and left again', async () => {
  view.dispose();
  const inner = { svg: SVG.replace('data-op="2"', 'data-op="7"'), facts: { op: { '7': { name: 'relu', path: 'h.0' } } }, title: 'inside' };
  const facts = { op: { '10': { name: 'Block', block: 'h.0' } } };
  view = held(document.body, { title: 'M', scenes: [{ svg: SVG, facts }, { packed: await packed(inner), path: 'h.0' }], insides: { 'h.0': 1 } }, {});
  view.select('op:10');
  expect($('.ncd-action').textContent).toBe('Open');
  press('Enter');
  await vi.waitFor(() => expect($('[data-op="7"]')).not.toBeNull());
  expect(view.state()).toEqual({ path: 'h.0' });
  expect($('.ncd-crumbs').textContent).toBe('Mh.0');
  press('Backspace');
  await vi.waitFor(() => expect($('[data-op="2"]')).not.toBeNull());
  view.restore({ path: 'h.0', selected: 'op:h.0/relu' });
  await vi.waitFor(() => expect($('.ncd-title')?.textContent).toBe('relu'));
});

test('what is found is offered, lit and gone to', () => {
  press('/');
  const field = $<HTMLInputElement>('.ncd-field');
  const type = (text: string) => {
    field.value = text;
    field.dispatchEvent(new Event('input'));
    return [...view.root.querySelectorAll('.ncd-name')].map((e) => e.textContent);
  };
  expect(type('M')).toEqual(['m', 'softmax', 'linear']); // a name that begins so first; linear has an axis m
  expect(type('contr')).toEqual(['linear']);
  expect(type('h.0')).toEqual(['Block', 'linear']);
  expect(type('nowhere')).toEqual([]);
  expect($('.ncd-hit').textContent).toBe('nothing found');
  type('softmax');
  expect(lit()).toContain('2');
  field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
  expect(told.at(-1)).toEqual(['select', 'op:2']);
  expect($('.ncd-hits').hidden).toBe(true);
});

test('what is in a closed block is found, and the block opened', async () => {
  view.dispose();
  const closed = (block: string, within: string[]) => ({ svg: SVG, facts: { op: { '10': { name: 'Block', block, within } }, axis: FACTS.axis } });
  const inside = { svg: SVG, facts: { op: { '2': { name: 'relu', path: 'h.1.mlp' } }, axis: FACTS.axis } };
  const asked: string[] = [];
  const onToggle = (path: string) => {
    asked.push(path);
    const next = { h: closed('h.1', ['op:h.1.mlp/relu']), 'h.1': closed('h.1.mlp', ['op:h.1.mlp/relu']), 'h.1.mlp': inside }[path];
    if (next) view.show({ scenes: [next] });
  };
  start({ onToggle }, { scenes: [closed('h', ['block:h.1', 'op:h.1.mlp/relu', 'axis:d_ff'])] });
  const find = (text: string) => {
    const field = $<HTMLInputElement>('.ncd-field');
    field.value = text;
    field.dispatchEvent(new Event('input'));
    const hits = [...view.root.querySelectorAll('.ncd-hit')].map((e) => [...e.children].map((c) => c.textContent).join(' '));
    field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
    return hits;
  };
  expect(find('d_ff')).toEqual(['axis d_ff in h']);
  await frame();
  expect(asked).toEqual(['h']); // what it asked for is not there: no more is asked
  view.show({ scenes: [closed('h', ['op:h.1.mlp/relu'])] });
  asked.length = 0;
  expect(find('relu')).toEqual(['operation relu in h.1.mlp/relu']);
  await frame();
  expect(asked).toEqual(['h', 'h.1', 'h.1.mlp']);
  expect([$('.ncd-title').textContent, view.selected]).toEqual(['relu', 'op:2']);
});

test('a locked axis stays lit in its own colour, and Escape lets go', () => {
  $('.ncd-chip').click();
  expect($('.ncd-chip').getAttribute('aria-pressed')).toBe('true');
  expect($('.ncd-over .ncd-tint-0 .ncd-thread')).not.toBeNull();
  view.select('op:2');
  expect(lit()).toEqual(['ncd-thread', 'ncd-label', 'ncd-wire', '2']);
  expect(view.state()).toEqual({ selected: 'op:/softmax', locked: ['axis:m'] });
  press('Escape');
  press('Escape');
  expect(view.state()).toEqual({});
  expect(lit()).toEqual([]);
});

test('axes of one name and size are one in the legend, and lit and locked together', () => {
  const two = SVG.replace('data-axis="3" data-array="2"', 'data-axis="5" data-array="2"');
  view.show(document_(two, { ...FACTS, axis: { ...FACTS.axis, '5': FACTS.axis[3] } }));
  const chips = [...view.root.querySelectorAll<HTMLElement>('.ncd-chip')];
  expect(chips.map((c) => c.textContent)).toEqual(['m512']);
  chips[0]!.dispatchEvent(new Event('pointerenter'));
  expect(view.root.querySelectorAll('.ncd-thread').length).toBe(2);
  chips[0]!.dispatchEvent(new Event('pointerleave'));
  expect(view.root.querySelectorAll('.ncd-thread').length).toBe(0);
  chips[0]!.click();
  expect(view.root.querySelectorAll('.ncd-tint-0 .ncd-thread').length).toBe(2);
  chips[0]!.click();
  expect(view.root.querySelectorAll('.ncd-thread').length).toBe(0);
});

test('what one sees is told in a few words and can be restored', () => {
  const states: object[] = [];
  view.dispose();
  start({ onState: (s: object) => states.push(s) });
  view.select('op:10');
  press('c');
  expect(states.at(-1)).toEqual({ selected: 'op:h.0/linear', code: true });
  view.dispose();
  start({ onState: (s: object) => states.push(s) });
  view.restore(states.at(-1)!);
  expect($('.ncd-title').textContent).toBe('linear');
  expect($('.ncd-on').textContent).toBe('    linear(x)');
  for (const bad of [{ camera: 'x' }, { camera: [1, 2, -3] }, { locked: 'm' }, { selected: 5 }, { path: 'nowhere' }]) view.restore(bad as never);
  expect(view.state()).toEqual({});
});

test('a line of code lights its operations', () => {
  press('c');
  $('.ncd-line:nth-child(3)').dispatchEvent(new PointerEvent('pointermove', { bubbles: true }));
  expect(lit()).toContain('2');
  $('.ncd-source').dispatchEvent(new PointerEvent('pointerleave'));
  expect(lit()).toEqual([]);
});

test('marks stay while nothing is pointed at', async () => {
  view.mark(['op:2', 'op:10']);
  expect(lit().filter((k) => k !== 'ncd-wire')).toEqual(['2', '10']);
  expect(dims()).toBe(true);
  await move(120, 10);
  expect(lit()[0]).toBe('ncd-thread');
  await move(150, 80);
  expect(lit().filter((k) => k !== 'ncd-wire')).toEqual(['2', '10']);
  view.mark([]);
  expect(lit()).toEqual([]);
});

test('what ran through a wire is shown, images only of our own kind', () => {
  const image = 'data:image/png;base64,iVBORw0KGgo=';
  const heat = { image, width: 8, height: 4, caption: 's down, d across', scale: 'white is 0' };
  view.setValues({ '4': { stats: { mean: '1.5' }, heat } });
  view.select('op:2');
  expect($('.ncd-value').textContent).toContain('mean 1.5');
  expect($('.ncd-heat').getAttribute('alt')).toBe('s down, d across; white is 0');
  for (const bad of ['http://x.example/a.png', 'data:image/svg+xml,<svg/>', 'javascript:alert(1)']) {
    view.setValues({ '4': { heat: { ...heat, image: bad } } });
    expect($('.ncd-heat')).toBeNull();
  }
});

test('values that arrive renew what is said beside the pointer, and what moves ends it', async () => {
  const tip = () => $('.ncd-tip').textContent;
  const dwell = () => new Promise((done) => setTimeout(done, 80));
  await move(160, 10);
  await dwell();
  expect(tip()).not.toContain('mean');
  view.setValues({ '4': { stats: { mean: '1.5' } } });
  expect(tip()).toContain('mean 1.5');
  press('+');
  expect(tip()).toBe('');
  view.setValues({});
  expect(tip()).toBe('');
  press('0');
  await move(60, 10);
  await dwell();
  expect(tip()).not.toBe('');
  view.show(document_());
  expect(tip()).toBe('');
});

test('a new figure takes the place of the old and keeps what is still chosen', () => {
  view.select('op:2');
  view.show(document_(SVG.replace('data-op="10"', 'data-op="11"')));
  expect(lit()).toContain('2');
  const other = { ...FACTS, op: { '10': FACTS.op[2], '2': FACTS.op[10] } };
  view.show(document_(SVG, other)); // the same operation in another place
  expect(lit()).toContain('10');
  view.show(document_(SVG, { op: {} }));
  expect(lit()).toEqual([]);
  expect(view.root.querySelectorAll('.ncd-pane > svg').length).toBe(3);
});

test('what changed is seen to, what a reader opens himself is not', () => {
  const opened = document_(SVG, { ...FACTS, op: { ...FACTS.op, '2': { ...FACTS.op[2], shapes: 'other' } } });
  view.show(opened);
  expect(view.root.querySelectorAll('.ncd-flash').length).toBe(1);
  point('dblclick', 30, 60);
  view.show(document_());
  expect(view.root.querySelectorAll('.ncd-flash').length).toBe(0);
});

test('what is said to be new is seen to, also by a view that was not there before', () => {
  const flashes = (root: HTMLElement) => root.querySelectorAll('.ncd-flash').length;
  const told = { ...document_(), changed: ['op:2'] };
  view.show(told);
  expect(flashes(view.root)).toBe(1);
  view.show({ ...told, changed: [] });
  expect(flashes(view.root)).toBe(0);
  const other = mount(document.body, told);
  expect(flashes(other.root)).toBe(1);
  other.dispose();
});

test('what cannot be shown leaves the figure as it was', () => {
  expect(() => view.show(document_('<svg>'))).toThrow();
  view.hover('axis:3');
  expect(lit().length).toBe(2);
  expect(() => mount(document.body, document_('<svg>'))).toThrow();
  expect(document.querySelectorAll('.ncd-view').length).toBe(1);
});

test('hostile words are text wherever they are shown', () => {
  const evil = '<img src=x onerror=alert(1)>';
  const fact = { name: evil, path: evil, words: evil, weave: evil, shapes: evil, source: evil, label: evil, more: evil, ins: [1], outs: [evil], at: [0, 1, 0, 1, 3] };
  const facts = { op: { '2': fact }, axis: { '3': { name: evil, size: evil } }, array: { '1': { name: evil, axes: [3, evil] } }, block: { 'h.0': { title: evil, turns: evil } } };
  view.show({ title: evil, scenes: [{ svg: SVG, facts }], sources: [{ ...SOURCES[0]!, text: evil, function: evil, file: evil, tokens: evil }] });
  press('c');
  for (const key of ['op:2', 'axis:3', 'block:h.0']) {
    view.select(key);
    view.hover(key);
  }
  const field = $<HTMLInputElement>('.ncd-field');
  field.value = 'onerror';
  field.dispatchEvent(new Event('input'));
  expect(view.root.querySelectorAll('img, script').length).toBe(0);
  expect(view.root.textContent).toContain(evil);
});

test('the figure follows the theme of the host', async () => {
  expect(view.root.dataset.scheme).toBe('light');
  document.body.dataset.jpThemeLight = 'false';
  await frame();
  expect(view.root.dataset.scheme).toBe('dark');
  delete document.body.dataset.jpThemeLight;
});

test('after its end it hears nothing', () => {
  const stage = $('.ncd-stage');
  view.dispose();
  expect(document.body.querySelector('.ncd-view')).toBeNull();
  expect(() => stage.dispatchEvent(new Event('pointerleave'))).not.toThrow();
});
