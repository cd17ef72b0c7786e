// Writes ncd/static: the bundles that the Python package carries, so that installing it needs no node.
// With --check writes nothing and fails if what is there is not what these sources give.
import { readFile, mkdir, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = here('../ncd/static');
const LIMIT = 30_000; // every saved widget carries its code; an exported page also what is inside of closed blocks
const LIMITS = { 'page.js': 31_000 };

const common = {
  absWorkingDir: here('.'),
  outdir: target,
  bundle: true,
  target: 'es2022',
  minify: true,
  charset: 'utf8',
  legalComments: 'none',
  mangleProps: /^(opsOf|axesOf|arrays|around|along|box|closed|choose|elements|enter|filled|flash|glass|ground|ink|layer|leave|light|middle|more|moved|net|onCode|onState|onToggle|opens|ops|picture|rest|restore|reveal|seek|spots?|tint|twice)$/, // names of ours that no host, file or browser knows
  write: false,
};
const results = await Promise.all([
  build({ ...common, format: 'esm', entryPoints: { widget: 'src/widget.ts' } }),
  build({ ...common, format: 'iife', entryPoints: { page: 'src/page.ts' } }), // a plain script runs from a file, too
  build({ ...common, entryPoints: { widget: 'src/style.css' } }),
]);

const check = process.argv.includes('--check');
await mkdir(target, { recursive: true });
for (const file of results.flatMap((r) => r.outputFiles)) {
  const name = file.path.split(/[\\/]/).pop();
  const path = `${target}/${name}`;
  const bytes = Buffer.from(file.contents);
  const limit = LIMITS[name] ?? LIMIT;
  if (bytes.length > limit) throw new Error(`${name}: ${bytes.length} bytes, more than ${limit}`);
  if (check) {
    const there = await readFile(path).catch(() => Buffer.alloc(0));
    if (!there.equals(bytes)) throw new Error(`ncd/static/${name} is not what js/src gives: npm run build`);
  } else {
    await writeFile(path, bytes);
  }
  console.log(`${name}: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzipped`);
}
