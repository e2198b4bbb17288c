import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createSourceFile,
  forEachChild,
  isExportAssignment,
  isExportSpecifier,
  type Node,
  preProcessFile,
  ScriptTarget,
  SyntaxKind,
} from 'typescript';

/** Every file of the package. Each may import those below it, and none above. */
const LAYERS = [
  'log/nats',
  'log/nats-format',
  'log/nats-client',
  'log/upcoming',
  'log/redis',
  'log/redis-connection',
  'log/redis-script',
  'log/remote',
  'log/tail',
  'log/writer',
  'log/place',
  'log/connection',
  'log/backoff',
  'log/engine',
  'log/log-options',
  'index',
  'sse',
  'create-hub',
  'http/open',
  'http/sink',
  'http/response-sink',
  'http/socket-sink',
  'http/pass-through',
  'http/head',
  'http/accept',
  'http/message',
  'hub',
  'admission',
  'intake',
  'watchdog',
  'dispatcher',
  'ticker',
  'client',
  'log/pages',
  'limiter',
  'log/ring',
  'log/window',
  'log/losses',
  'log/memory',
  'publisher',
  'options',
  'log/log',
  'log/batch',
  'log/event-id',
  'time-limit',
  'queue',
  'frame',
  'errors',
];

/** Where HTTP is known: in its folder, and where a middleware has to tell a request from options. */
const KNOWS_HTTP = /^(http\/.*|sse)$/;
const HTTP_MODULES = /^node:(http|http2|https|net|tls)$/;

const lib = join(__dirname, '../lib');

/** The package's files: the name without its extension, and the text. */
type Sources = ReadonlyMap<string, string>;

function readSources(): Sources {
  const files = readdirSync(lib, { recursive: true, withFileTypes: true });
  return new Map(
    files
      .filter((file) => file.isFile())
      .map((file) => {
        const path = join(file.parentPath, file.name);
        const name = path.slice(lib.length + 1).replace(/\.ts$/, '');
        return [name, readFileSync(path, 'utf8')];
      }),
  );
}

/** All that a file imports in any way: values, types, re-exports, `import()` and `require()`. */
function importsOf(source: string): string[] {
  return preProcessFile(source, true, true).importedFiles.map((file) => file.fileName);
}

/** The file that an import names; undefined where that is none of the package. */
function target(from: string, specifier: string): string | undefined {
  if (!/^\.{1,2}\/.*\.js$/.test(specifier)) return undefined;
  return join(from, '..', specifier.replace(/\.js$/, ''));
}

function upwardImports(sources: Sources): string[] {
  return [...sources].flatMap(([from, source]) =>
    importsOf(source)
      .map((specifier) => target(from, specifier))
      .filter((to) => to !== undefined && !LAYERS.slice(LAYERS.indexOf(from) + 1).includes(to))
      .map((to) => `${from} imports ${to}`),
  );
}

function foreignImports(sources: Sources): string[] {
  return [...sources].flatMap(([from, source]) =>
    importsOf(source)
      .filter((specifier) => target(from, specifier) === undefined)
      .filter(
        (specifier) =>
          !specifier.startsWith('node:') ||
          (HTTP_MODULES.test(specifier) && !KNOWS_HTTP.test(from)),
      )
      .map((specifier) => `${from} imports ${specifier}`),
  );
}

function defaultExports(sources: Sources): string[] {
  const isDefault = (node: Node): boolean =>
    isExportAssignment(node) ||
    node.kind === SyntaxKind.DefaultKeyword ||
    (isExportSpecifier(node) && node.name.text === 'default') ||
    (forEachChild(node, isDefault) ?? false);
  return [...sources]
    .filter(([name, source]) => isDefault(createSourceFile(name, source, ScriptTarget.Latest)))
    .map(([name]) => name);
}

const sources = readSources();

/** The package as it is, with a line more in one of its files. */
const withLine = (name: string, line: string) =>
  new Map([...sources, [name, `${sources.get(name)}\n${line}\n`]]);

test('every file has its place in the layers, and every place has its file', () => {
  expect([...sources.keys()].sort()).toEqual([...LAYERS].sort());
});

describe('imports point downwards only', () => {
  test('in this package, and so there are no cycles', () => {
    expect(upwardImports(sources)).toEqual([]);
  });

  test.each([
    ['of a value', 'queue', "import { createLimiter } from './limiter.js';"],
    ['of a type', 'log/ring', "import type { StreamClient } from '../client.js';"],
    ['of a type, in between', 'hub', "const x: import('./http/open.js').OpenOptions = {};"],
    ['of nothing but its effects', 'errors', "import './frame.js';"],
    ['that exports again', 'log/log', "export * from './ring.js';"],
    ['at run time', 'client', "await import('./hub.js');"],
    ['by require', 'client', "require('./hub.js');"],
    ['between files of one folder', 'http/head', "import { open } from './open.js';"],
    ['of the file itself', 'limiter', "import { createLimiter } from './limiter.js';"],
    ['of a file that does not exist', 'index', "import { hub } from './hubs.js';"],
    ['of what lies outside', 'index', "import { serve } from '../__tests__/support/server.js';"],
  ])('an upward import would be noticed: one %s', (_kind, name, line) => {
    expect(upwardImports(withLine(name, line))).toEqual([
      expect.stringMatching(`^${name} imports `),
    ]);
  });
});

describe('nothing is imported but files of this package, with their extension, and Node itself', () => {
  test('in this package, and of HTTP only where it is known', () => {
    expect(foreignImports(sources)).toEqual([]);
  });

  test.each([
    ['of Express', 'sse', "import express from 'express';"],
    ['of the types of Express', 'http/message', "import type { Request } from 'express';"],
    ['of a built-in module by its bare name', 'client', "import { randomUUID } from 'crypto';"],
    ['without the extension', 'limiter', "import { Queue } from './queue';"],
    ['of a folder', 'hub', "import { Ring } from './log';"],
    ['of HTTP where it is not known', 'hub', "import { createServer } from 'node:http';"],
    ['of the types of HTTP there', 'client', "import type { Socket } from 'node:net';"],
  ])('another import would be noticed: one %s', (_kind, name, line) => {
    expect(foreignImports(withLine(name, line))).toEqual([
      expect.stringMatching(`^${name} imports `),
    ]);
  });
});

describe('all exports have names', () => {
  test('in this package', () => {
    expect(defaultExports(sources)).toEqual([]);
  });

  test.each([
    'export default class Ring {}',
    'export default 5;',
    'const a = 5; export { a as default };',
    "export { default } from './queue.js';",
    'export = 5;',
    'switch (5) { default: } export default class {}',
  ])('a default export would be noticed: %s', (line) => {
    expect(defaultExports(withLine('limiter', line))).toEqual(['limiter']);
  });
});
