// Builds the page with one version of React, and prints its files. Usage: build.mjs <the package that has that version>
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const [owner] = process.argv.slice(2);
const { resolve } = createRequire(owner);
const folderOf = (name) => dirname(resolve(`${name}/package.json`));
const common = {
  root: fileURLToPath(new URL('page', import.meta.url)),
  mode: 'development',
  logLevel: 'error',
  configFile: false,
  resolve: { alias: { react: folderOf('react'), 'react-dom': folderOf('react-dom') } },
};
const write = false;

const page = await build({ ...common, build: { write, minify: false } });
const server = await build({
  ...common,
  ssr: { noExternal: true },
  build: { write, ssr: join(common.root, 'server.jsx'), minify: false },
});
const [{ code }] = server.output;
const folder = await mkdtemp(join(tmpdir(), 'react-page-'));
await writeFile(join(folder, 'server.mjs'), code);
const { html } = await import(join(folder, 'server.mjs'));
await rm(folder, { recursive: true });
const files = page.output.map((file) => [`/${file.fileName}`, file.code ?? file.source]);
process.stdout.write(
  JSON.stringify(
    files.map(([path, text]) => [path, text.replace('<main></main>', `<main>${html}</main>`)]),
  ),
);
