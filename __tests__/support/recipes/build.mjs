// Builds a page from the modules in a folder, and prints its code. Usage: build.mjs <folder with a main.ts>
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const [folder] = process.argv.slice(2);
const root = fileURLToPath(new URL('../../..', import.meta.url));
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
const { output } = await build({
  root: folder,
  logLevel: 'error',
  configFile: false,
  resolve: {
    alias: {
      'express-sse-hub/client': join(root, 'dist/esm/client.js'),
      'express-sse-hub/react': join(root, 'dist/esm/react/hooks.js'),
      './client.js': join(root, 'dist/esm/client.js'),
    },
  },
  build: { write: false, minify: false, rollupOptions: { input: join(folder, 'main.ts') } },
});
process.stdout.write(output[0].code);
