// Builds lib/ into dist/, once for require() and once for import, each with its own declarations. The client for pages is
// one file more.
// No source maps: the emitted files are the sources without their types, and the sources themselves
// are not published.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

async function compile(...options) {
  const args = [tsc, '--project', 'tsconfig.build.json', ...options];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const output = child.stdout.setEncoding('utf8').toArray();
  const [code, signal] = await once(child, 'close');
  return { ok: code === 0, output: (await output).join('') || `tsc: ${signal ?? code}\n` };
}

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
await rm('dist', { recursive: true, force: true });
const builds = await Promise.all([
  compile('--outDir', 'dist/cjs', '--module', 'node20'),
  compile('--outDir', 'dist/esm', '--module', 'es2022', '--moduleResolution', 'bundler'),
]);

// Both compile the same sources, so what is wrong is wrong in both, and told once.
const broken = builds.find((build) => !build.ok);
if (broken) {
  process.stderr.write(broken.output);
  process.exitCode = 1;
} else {
  await writeFile('dist/esm/package.json', '{ "type": "module" }\n');
  await bundleClient();
}

/** The page's half in one file, with its parser in it: a page has no node_modules. */
async function bundleClient() {
  const { build } = await import('vite');
  await build({
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    build: {
      lib: { entry: 'dist/esm/browser/connect.js', formats: ['es'], fileName: () => 'client.js' },
      outDir: 'dist/esm',
      emptyOutDir: false,
      target: 'es2022',
      minify: false,
    },
  });
  // The declarations stay.
  await rm('dist/cjs/browser', { recursive: true });
  await rm('dist/cjs/react', { recursive: true });
  const files = await readdir('dist/esm/browser', { recursive: true });
  const modules = files.filter((file) => file.endsWith('.js'));
  await Promise.all(modules.map((file) => rm(`dist/esm/browser/${file}`)));
}
