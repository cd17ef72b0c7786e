/** Taking the picture along: as a file, on the clipboard, or as a link to what one sees. */

import type { Way } from './bar';
import { el, h } from './dom';
import { DARK } from './safe';

/** The text of a packed value: base64 of zlib's deflate. */
export async function unpacked(data: string): Promise<string> {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'))).text();
}

/** What can be done with a picture, light or dark as it is now seen. */
export function ways(svg: string, dark: boolean, title: string, state: () => string, tikz?: () => Promise<string>): Way[] {
  const image = () => png(svg.replace(DARK, `@media ${dark ? '' : 'not '}all{`));
  const name = title.replace(/[^\w-]+/g, '-') || 'figure';
  return [
    ['Copy SVG', () => copy(svg)],
    ['Copy PNG', () => navigator.clipboard.write([new ClipboardItem({ 'image/png': image() })])],
    ...(tikz ? [['Copy TikZ', async () => copy(await tikz())] as const] : []),
    ['Save SVG', () => download(new Blob([svg], { type: 'image/svg+xml' }), `${name}.svg`)],
    ['Save PNG', async () => download(await image(), `${name}.png`)],
    ['Copy link to this view', () => copy(state())],
  ];
}

/** The picture in pixels, two to one px. */
async function png(svg: string): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const scale = Math.min(2, 16000 / Math.max(image.width, image.height, 1));
  const canvas = h('canvas');
  canvas.width = image.width * scale;
  canvas.height = image.height * scale;
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail()), 'image/png'));
}

/** Puts text on the clipboard, by the old way where the new one is not allowed. */
async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = h('textarea');
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    if (!done) throw Error();
  }
}

function download(blob: Blob, name: string): void {
  const link = el('a', '', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
