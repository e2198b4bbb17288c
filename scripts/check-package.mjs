// Packs the package as npm would publish it, and proves that it works where users will put it: every
// folder scripts/consumers/<dependencies>/<consumer> becomes a project that installs the tarball,
// type-checks against it, serves a stream and delivers an event over it.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { createParser } from 'eventsource-parser';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (tool) => join(root, 'node_modules', '.bin', tool);
const published =
  /^(package\.json|LICENSE|llms\.txt|(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md|docs\/.+\.md|docs\/example-app\.png|bench\/(RESULTS\.md|LOGS\.md|results\.svg)|skills\/.+\.md|dist\/(cjs|esm)\/.+\.(js|d\.ts)|dist\/esm\/package\.json)$/;

/** In bytes, some 15 % above what it was when it was last looked at. */
const SIZE_BUDGET = { packed: 430_000, unpacked: 1_600_000, code: 400_000 };

/** How many bytes the client for pages may have, minified and compressed. */
const CLIENT_BUDGET = 6 * 1024;

let passed = 0;
let failed = 0;

async function check(name, work) {
  try {
    const result = await work();
    passed += 1;
    console.log(`ok      ${name}`);
    return result;
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${String(error.message).replace(/^/gm, '        ')}`);
  }
}

async function run(command, args, cwd) {
  try {
    return (await promisify(execFile)(command, args, { cwd, timeout: 120_000 })).stdout;
  } catch (error) {
    throw new Error(`${error.message}\n${error.stdout}`.trim());
  }
}

function expect(condition, message) {
  if (!condition) throw new Error(message);
}

async function pack(destination) {
  const output = await run(
    'npm',
    ['pack', '--json', '--foreground-scripts=false', '--pack-destination', destination],
    root,
  );
  const [{ filename, files, size, unpackedSize }] = JSON.parse(output);
  const code = files.filter(({ path }) => /^dist\/esm\/.*\.js$/.test(path));
  return {
    tarball: join(destination, filename),
    files: files.map((file) => file.path),
    sizes: { packed: size, unpacked: unpackedSize, code: sum(code) },
    largest: files.sort((a, b) => b.size - a.size).slice(0, 5),
  };
}

function checkFiles(files) {
  const surprising = files.filter((file) => !published.test(file));
  expect(surprising.length === 0, `not meant to be published: ${surprising.join(', ')}`);
  const missing = ['README.md', 'LICENSE', 'CHANGELOG.md'].filter((file) => !files.includes(file));
  expect(missing.length === 0, `missing: ${missing.join(', ')}`);
}

const sum = (files) => files.reduce((bytes, { size }) => bytes + size, 0);

function checkSizes(sizes, largest) {
  const over = Object.keys(sizes).filter((name) => sizes[name] > SIZE_BUDGET[name]);
  const grown = over.map((name) => `${name} ${sizes[name]}, budget ${SIZE_BUDGET[name]}`);
  const files = largest.map(({ path, size }) => `${path} ${size}`);
  expect(
    over.length === 0,
    `more bytes than SIZE_BUDGET of scripts/check-package.mjs allows: ${grown.join('; ')}\nThe largest files: ${files.join(', ')}`,
  );
}

function attw(tarball, ...args) {
  return run(bin('attw'), [tarball, '--no-color', '--no-emoji', ...args], root);
}

/** As a bundler puts it into a page. */
async function checkClient() {
  const { build } = await import('vite');
  const { output } = await build({
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    build: {
      write: false,
      minify: true,
      rollupOptions: { input: 'dist/esm/client.js', preserveEntrySignatures: 'exports-only' },
    },
  });
  const bytes = output.reduce((sum, { code }) => sum + gzipSync(code).length, 0);
  expect(bytes <= CLIENT_BUDGET, `${bytes} bytes, budget ${CLIENT_BUDGET}`);
  expect(bytes > 1000, `${bytes} bytes: there is nothing in it`);
}

async function checkManifest() {
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  for (const field of ['dependencies', 'optionalDependencies', 'bundleDependencies']) {
    expect(!manifest[field], `package.json has ${field}`);
  }
  for (const peer of Object.keys(manifest.peerDependencies ?? {})) {
    expect(manifest.peerDependenciesMeta?.[peer]?.optional, `the peer ${peer} is not optional`);
  }
}

async function request(method, url, status, signal) {
  const [res] = await once(http.request(url, { method, agent: false, signal }).end(), 'response');
  expect(res.statusCode === status, `${method} ${url} answered ${res.statusCode}`);
  return res.setEncoding('utf8');
}

/** Starts a consumer's server; an event posted while a stream is open has to arrive on it. */
async function serve(folder) {
  const file = (await readdir(folder)).find((name) => /^server\.[cm]?js$/.test(name));
  expect(file, 'no server to start');
  const signal = AbortSignal.timeout(20_000);
  const stdio = ['ignore', 'pipe', 'pipe'];
  const server = spawn(process.execPath, [file], { cwd: folder, stdio, signal });
  const errors = server.stderr.setEncoding('utf8').toArray();
  const exited = once(server, 'close').then(([code]) => code);
  let awaited = 'its port';
  try {
    const [port] = await Promise.race([
      once(createInterface(server.stdout), 'line', { signal }),
      exited.then((code) => Promise.reject(new Error(`exited with ${code} before it listened`))),
    ]);
    const origin = `http://127.0.0.1:${port}`;
    const stream = await request('GET', `${origin}/stream`, 200, signal);
    const events = [];
    const parser = createParser({
      // The hub's own first event is not the app's.
      onEvent: ({ event, data }) => event !== 'ready' && events.push(`${event} ${data}`),
    });

    awaited = 'the event';
    await request('POST', `${origin}/apples`, 202, signal);
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      parser.feed(chunk);
      if (events.length > 0) break;
    }

    awaited = 'its end';
    await request('POST', `${origin}/stop`, 202, signal);
    for await (const chunk of stream) parser.feed(chunk);
    expect(events.join() === 'apples {"count":42}', `events: ${events.join() || 'none'}`);
    const code = await exited;
    expect(code === 0, `exited with ${code}`);
  } catch (error) {
    server.kill('SIGKILL');
    const reason = signal.aborted ? `waited for ${awaited} in vain` : error.message;
    throw new Error([reason, ...(await errors)].join('\n').trim());
  }
}

async function checkConsumers(consumers, tarball) {
  const groups = await readdir(consumers, { withFileTypes: true });
  for (const group of groups.filter((entry) => entry.isDirectory())) {
    const home = join(consumers, group.name);
    const args = ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball];
    const installed = await check(`${group.name} installs`, () => run('npm', args, home));
    if (installed === undefined) continue;

    for (const consumer of await readdir(home)) {
      const folder = join(home, consumer);
      const files = await readdir(folder).catch(() => []);
      if (!files.some((file) => file.startsWith('server.'))) continue;
      if (files.includes('tsconfig.json')) {
        await check(`${group.name} ${consumer} compiles`, () => run(bin('tsc'), [], folder));
      }
      await check(`${group.name} ${consumer} delivers an event`, () => serve(folder));
    }
  }
}

const temporary = await mkdtemp(join(tmpdir(), 'express-sse-hub-'));
try {
  const consumers = join(temporary, 'consumers');
  await cp(join(root, 'scripts', 'consumers'), consumers, { recursive: true });
  const packed = await check('packs', () => pack(temporary));
  if (packed) {
    const { tarball, files, sizes, largest } = packed;
    await check('publishes nothing but what it should', async () => checkFiles(files));
    await check('is within its size budget', async () => checkSizes(sizes, largest));
    await check('has a client that is small', checkClient);
    await check('depends on nothing', checkManifest);
    await check('has the public API of etc/', () =>
      run(process.execPath, [join(root, 'scripts/api.mjs')], root),
    );
    await check('publint', () => run(bin('publint'), ['run', '--strict', tarball], root));
    await check('are the types wrong', () =>
      attw(tarball, '--profile', 'node16', '--exclude-entrypoints', 'client', 'react'),
    );
    // They are for pages, which have no require().
    await check('are the types for pages wrong', () =>
      attw(tarball, '--profile', 'esm-only', '--entrypoints', 'client', 'react'),
    );
    await checkConsumers(consumers, tarball);
  }
} finally {
  await rm(temporary, { recursive: true, force: true });
}

console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
