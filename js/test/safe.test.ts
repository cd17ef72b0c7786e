import { expect, test } from 'vitest';
import { figure } from '../src/safe';
import { SVG } from './figure';

const into = (inner: string, attributes = '') =>
  figure(`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" id="f" ${attributes}>${inner}</svg>`);

test('a figure of ours passes whole, in two layers', () => {
  const { ground, ink, rest: left, more, ...rest } = figure(SVG);
  expect([left, more()]).toEqual([[], false]);
  expect(rest).toEqual({ width: 200, height: 100, title: 'T', description: 'D' });
  for (const layer of [ground, ink]) {
    expect(layer.getAttribute('viewBox')).toBe('0 0 200 100');
    expect(layer.getAttribute('class')).toBe('ncd-diagram ncd-1');
  }
  const many = (e: Element) => e.querySelectorAll('*').length;
  expect(many(ground) + many(ink)).toBe(SVG.match(/<[a-z]/g)!.length - 3); // svg, title and desc
  expect([...ground.children].map((e) => e.localName)).toEqual(['style', 'rect', 'path']);
  expect(ink.querySelector('[data-op="10"] text')?.textContent).toBe('LQ');
  const style = ground.querySelector('style')!.textContent!;
  expect(style).toContain('.ncd-1 .ncd-background{fill:#17181b}');
  expect(style).toContain('Liberation Serif');
  expect(style).not.toContain('#ncd-1'); // ids would be on the page twice
});

test('nothing of a figure has an id', () => {
  const { ground, ink } = figure(SVG);
  expect([ground, ink].flatMap((e) => [e, ...e.querySelectorAll('*')]).filter((e) => e.id)).toEqual([]);
});

const ELEMENTS = 'svg title desc rect g path circle text tspan style'.split(' ');
const ATTRIBUTES = 'class aria-hidden viewBox width height d cx cy r x y dx dy text-anchor font-size font-weight font-style data-op data-axis data-array data-block'.split(' ');

test.each([
  '<script>alert(1)</script>',
  '<image href="http://x.example/a.png"/>',
  '<use xlink:href="#f"/>',
  '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="alert(1)"/></body></foreignObject>',
  '<a href="javascript:alert(1)"><text>x</text></a>',
  '<animate attributeName="href" values="javascript:alert(1)"/>',
  '<embed xmlns="http://www.w3.org/1999/xhtml" src="http://x.example"/>',
  '<rect xmlns="http://www.w3.org/1999/xhtml" width="1"/>',
  '<g><style>body{display:none}</style></g><style>body{display:none}</style>',
  '<scr<g>ipt>alert(1)</scr</g>ipt>',
  '<<script>script>alert(1)<</script>/script>',
  '<style></style><<style></style>script>alert(1)</script>',
  '<title><img src=x onerror=alert(1)></title><desc><img src=x onerror=alert(1)></desc>',
  '<title></title><title><title><a title="</title><img src=x onerror=alert(1)>"></title>',
  '<text class="a" onclick="alert(1)">x</text>',
  "<text class='a' onclick='alert(1)'>x</text>",
  '<g/onclick=alert(1)><rect/onload=alert(1)//>',
  '<path d="M0 0" class="><img src=x onerror=alert(1)>"/>',
  '<path d="M0 0" class="&quot;><img src=x onerror=alert(1)>"/>',
  '<path style="x" d="a\n\t" \nonclick="alert(1)"\n/>',
  '<G><SCRIPT>alert(1)</SCRIPT></G><svg:script>alert(1)</svg:script>',
  '<!--><img src=x onerror=alert(1)>--><![CDATA[><img src=x onerror=alert(1)>]]><?xml ?>',
  '</svg><img src=x onerror=alert(1)><svg onload="alert(1)">',
  '<text>&lt;img src=x onerror=alert(1)&gt;</text><img src=x onerror=alert(1)',
])('nothing foreign is let in: %s', (inner) => {
  const { ground, ink } = into(inner, 'onload="alert(1)"');
  const all = [ground, ink].flatMap((e) => [e, ...e.querySelectorAll('*')]);
  expect(all.map((e) => e.localName).filter((n) => !ELEMENTS.includes(n))).toEqual([]);
  expect(all.flatMap((e) => e.getAttributeNames()).filter((n) => !ATTRIBUTES.includes(n))).toEqual([]);
  expect(all.filter((e) => e.localName === 'style').map((e) => e.textContent)).toEqual(['']);
});

test('a large figure grows by parts, and wherever it is cut nothing foreign is let in', () => {
  const mark = `\n<g class="ncd-op" data-op="1"><path d="M0 0" class="\n<g ><img src=x onerror=alert(1)>"/></g>\n<path class="ncd-block" d="M1 1"/>`;
  const { ground, ink, rest, more } = into(mark.repeat(9000));
  expect(rest.length).toBeGreaterThan(2);
  expect(ink.childElementCount).toBeLessThan(9000);
  while (more());
  expect(ground.querySelectorAll('.ncd-block').length).toBe(9000);
  expect(ink.querySelectorAll('[data-op]').length).toBe(9000);
  const all = [ground, ink].flatMap((e) => [...e.querySelectorAll('*')]);
  expect(all.filter((e) => !ELEMENTS.includes(e.localName) || e.getAttributeNames().some((n) => !ATTRIBUTES.includes(n)))).toEqual([]);
});

test('attributes that are not ours are left out', () => {
  const made = into('<path d="M0 0" onclick="alert(1)" style="fill:url(http://x)" fill="url(#a)" href="x" data-op="1"/>', 'onload="alert(1)"');
  expect([...made.ink.attributes].map((a) => a.name).sort()).toEqual(['aria-hidden', 'class']);
  expect([...made.ink.firstElementChild!.attributes].map((a) => a.name)).toEqual(['d', 'data-op']);
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
  const kept = into(`<style>${rules.join('\n')}</style>`).ground.querySelector('style')!.textContent!.trim().split('\n');
  expect(kept).toEqual(['.f .ncd-wire{stroke:#111111}', '.f .b{fill:red}']);
});

test('it is dark where the host says so', () => {
  const rules = figure(SVG).ground.querySelector('style')!.textContent!.split('\n');
  expect(rules).toContain('.ncd-1 .ncd-background{fill:#ffffff}');
  expect(rules).toContain('[data-scheme=dark] .ncd-1 .ncd-background{fill:#17181b}');
});

test('what is no SVG is refused', () => {
  for (const text of ['', 'hello', '<html/>', '<svg>', '<svg/>', SVG.replace('id="ncd-1"', 'id="a{}b"')]) expect(() => figure(text), text).toThrow();
});
