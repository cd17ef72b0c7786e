// Writes ncd/labextension: the prebuilt extension that JupyterLab and Notebook load as it is.
// With --check writes nothing and fails if what is there is not what these sources give.
import { spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = here('../ncd/labextension');
const work = here('build/lab');

const own = JSON.parse(await readFile(here('package.json'), 'utf8'));
const version = /^__version__ = "(.+)"$/m.exec(await readFile(here('../ncd/__init__.py'), 'utf8'))?.[1];
if (!version) throw new Error('ncd/__init__.py names no version');
const shared = Object.entries(own.devDependencies).filter(([name]) => /^@(jupyterlab|lumino|codemirror)\//.test(name));

await rm(work, { recursive: true, force: true });
await mkdir(work, { recursive: true });
await cp(here('schema'), join(work, 'schema'), { recursive: true });
const manifest = {
  name: own.name,
  version,
  description: 'Neural circuit diagrams in notebooks',
  license: own.license,
  main: 'index.js',
  dependencies: Object.fromEntries(shared),
  jupyterlab: { extension: 'index.js', mimeExtension: 'mime.js', schemaDir: 'schema', outputDir: 'out', webpackConfig: 'ids.cjs' },
};
await writeFile(join(work, 'package.json'), JSON.stringify(manifest, null, 2));
// By default some ids are hashes of absolute paths: then no two folders would give the same files.
await writeFile(join(work, 'ids.cjs'), "module.exports = { optimization: { moduleIds: 'natural', chunkIds: 'natural' } };");
await build({
  absWorkingDir: here('.'),
  outdir: work,
  entryPoints: { index: 'src/lab/index.ts', mime: 'src/lab/mime.ts' },
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  packages: 'external', // Lab's own are shared with it, none is bundled
  loader: { '.css': 'text' },
});

const done = spawnSync(
  process.execPath,
  [here('node_modules/@jupyter/builder/lib/build-labextension.js'), '--core-package-file', here('node_modules/@jupyterlab/core-meta/core.package.json'), work],
  { cwd: work, encoding: 'utf8' },
);
if (done.status !== 0) throw new Error(`${done.stdout}\n${done.stderr}`);
const made = join(work, 'out');
await writeFile(join(made, 'install.json'), JSON.stringify({ packageManager: 'python', packageName: 'ncd', uninstallInstructions: 'pip uninstall ncd' }, null, 2));

const files = async (root) => {
  const found = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = found.filter((f) => f.isFile()).map((f) => join(f.parentPath, f.name).slice(root.length + 1));
  return new Map(await Promise.all(paths.sort().map(async (path) => [path, await readFile(join(root, path))])));
};
const now = await files(made);
if (process.argv.includes('--check')) {
  const there = await files(target);
  const differ = [...new Set([...there.keys(), ...now.keys()])].filter((p) => !(there.has(p) && now.get(p)?.equals(there.get(p))));
  if (differ.length) throw new Error(`ncd/labextension is not what js/src gives: npm run build (${differ.join(', ')})`);
} else {
  await rm(target, { recursive: true, force: true });
  await cp(made, target, { recursive: true });
}
console.log(`labextension: ${[...now.values()].reduce((sum, bytes) => sum + bytes.length, 0)} bytes in ${now.size} files`);
