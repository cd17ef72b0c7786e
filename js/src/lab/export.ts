/** A figure as a file. */

import type { Handle } from '../document';
import { ask } from './ask';

export const FORMATS = { svg: 'SVG', png: 'PNG', tikz: 'TikZ' } as const;
export type Format = keyof typeof FORMATS;

const NIGHT = /\n@media \(prefers-color-scheme:dark\)\{\n[^]*?\n\}(?=\n<\/style>)/;
const MOST_PX = 16_000;

/** Saves what is seen.  Rejects with a reason that can be read. */
export async function save(from: Handle, format: Format): Promise<void> {
  const { scene, document: shown } = from;
  if (!scene) return;
  const svg = scene.svg.replace(NIGHT, ''); // a file is read on paper as well
  const title = scene.title || shown?.title || 'figure';
  if (format === 'svg') download(new Blob([svg], { type: 'image/svg+xml' }), `${title}.svg`);
  if (format === 'png') download(await png(svg), `${title}.png`);
  if (format === 'tikz') {
    const diagram = shown?.diagram;
    const answer = diagram && (await ask(from.root, { diagram, tikz: true, open: Object.keys(scene.facts.block ?? {}) }));
    if (!answer || !answer.tikz) throw new Error('TikZ is written by the kernel that drew the diagram: run the cell again.');
    download(new Blob([answer.tikz], { type: 'text/x-tex' }), `${title}.tex`);
  }
}

async function png(svg: string): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const scale = Math.min(2, MOST_PX / Math.max(image.width, image.height, 1));
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [Math.ceil(image.width * scale), Math.ceil(image.height * scale)];
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done, fail) => canvas.toBlob((made) => (made ? done(made) : fail(new Error('No picture was made.')))));
}

function download(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[^\w.-]+/g, '-').replace(/^[-.]+/, '');
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
