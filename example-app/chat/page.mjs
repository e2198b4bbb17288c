// The page, built by Vite when the server starts, and served from memory.
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const { output } = await build({
  root: fileURLToPath(new URL('page', import.meta.url)),
  logLevel: 'error',
  configFile: false,
  build: { write: false, minify: false },
});

const files = new Map(
  output.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : file.source]),
);

export function page(req, res, next) {
  const path = req.path === '/' ? '/index.html' : req.path;
  const file = files.get(path);
  if (file === undefined) next();
  else res.type(path.slice(path.lastIndexOf('.'))).send(file);
}
