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

/**
 * The rooms of the package, from top to bottom: a folder, or a file that stands alone. Each may
 * import from the rooms it names, all of which lie below it.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  index: [
    'sse',
    'create-hub',
    'http',
    'delivery',
    'client',
    'window',
    'stats',
    'publisher',
    'options',
    'start',
    'history',
    'request',
    'log',
    'frame',
    'errors',
    'util',
  ],
  answers: [
    'hub',
    'http',
    'client',
    'delivery',
    'options',
    'request',
    'log',
    'validate',
    'frame',
    'errors',
    'util',
  ],
  react: ['browser/stream'],
  browser: ['browser/share', 'browser/connection', 'browser/stream'],
  'browser/share': ['browser/connection', 'browser/stream'],
  'browser/connection': ['browser/stream'],
  'browser/stream': [],
  sse: ['create-hub', 'http', 'request', 'publisher', 'options', 'validate', 'errors'],
  'create-hub': [
    'http',
    'hub',
    'delivery',
    'client',
    'stats',
    'publisher',
    'options',
    'request',
    'errors',
    'util',
  ],
  http: [
    'hub',
    'client',
    'window',
    'publisher',
    'start',
    'request',
    'validate',
    'frame',
    'errors',
    'util',
  ],
  hub: [
    'delivery',
    'client',
    'window',
    'stats',
    'publisher',
    'options',
    'start',
    'log',
    'validate',
    'frame',
    'errors',
    'util',
  ],
  delivery: [
    'client',
    'window',
    'publisher',
    'options',
    'log',
    'validate',
    'frame',
    'errors',
    'util',
  ],
  client: ['window', 'stats', 'publisher', 'start', 'log', 'validate', 'frame', 'errors', 'util'],
  window: ['log', 'frame', 'util'],
  stats: [],
  publisher: ['validate', 'errors'],
  options: ['start', 'history', 'log', 'validate', 'frame', 'errors', 'util'],
  start: ['request', 'validate', 'errors'],
  history: ['validate'],
  request: [],
  redis: ['log/shared', 'log', 'errors', 'util'],
  nats: ['log/shared', 'log', 'validate', 'errors', 'util'],
  'log/shared': ['log', 'validate', 'errors', 'util'],
  log: ['errors', 'util'],
  frame: ['validate', 'errors', 'util'],
  validate: ['errors'],
  errors: [],
  util: [],
};

/** Where HTTP is known: in its folder, and where a middleware has to tell a request from options. */
const KNOWS_HTTP = /^(http\/.*|sse|request)$/;
const HTTP_MODULES = /^node:(http|http2|https|net|tls)$/;
/** The one file that names Express's request, for apps in which its types are installed. */
const NAMES_EXPRESS = 'request';

/** What is of others, and where: the build puts the first one into the file for pages, and the second one is a peer. */
const FOREIGN: readonly (readonly [place: string, specifier: string])[] = [
  ['browser/connection/', 'eventsource-parser'],
  ['react/', 'react'],
];

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

/** The room of a file: its folder, or itself where it stands alone. */
const roomOf = (file: string) => file.replace(/\/[^/]+$/, '');

/** Each file, with those of the package that it imports. */
function edgesOf(sources: Sources): [from: string, to: string][] {
  return [...sources].flatMap(([from, source]) =>
    importsOf(source).flatMap((specifier): [string, string][] => {
      const to = target(from, specifier);
      return to === undefined ? [] : [[from, to]];
    }),
  );
}

/** Imports of a file that isn't there, or from a room that the importing one doesn't name. */
function strayImports(sources: Sources): string[] {
  return edgesOf(sources)
    .filter(([from, to]) => {
      const isWithin = roomOf(from) === roomOf(to) && from !== to;
      return !sources.has(to) || !(isWithin || ROOMS[roomOf(from)]?.includes(roomOf(to)));
    })
    .map(([from, to]) => `${from} imports ${to}`);
}

/** Files that import each other, by whatever way round. */
function filesInCycles(sources: Sources): string[] {
  const edges = edgesOf(sources);
  let left = [...sources.keys()];
  for (;;) {
    // Neither who imports nothing that is left, nor whom nothing that is left imports, is in a cycle.
    const among = edges.filter(([from, to]) => left.includes(from) && left.includes(to));
    const inside = left.filter(
      (file) => among.some(([from]) => from === file) && among.some(([, to]) => to === file),
    );
    if (inside.length === left.length) return inside.sort();
    left = inside;
  }
}

/** The first line of each file that says what belongs into its folder. */
function folderComments(sources: Sources): string[] {
  return [...sources].flatMap(([file, source]) => {
    const room = roomOf(file);
    return file !== room && source.startsWith(`// ${room}/: `) ? [room] : [];
  });
}

function foreignImports(sources: Sources): string[] {
  return [...sources].flatMap(([from, source]) =>
    importsOf(source)
      .filter((specifier) => target(from, specifier) === undefined)
      .filter(
        (specifier) =>
          (!(from === NAMES_EXPRESS && specifier === 'express') &&
            !FOREIGN.some(([place, name]) => from.startsWith(place) && specifier === name) &&
            !specifier.startsWith('node:')) ||
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

test('every file is in a room, and no room is empty', () => {
  expect([...new Set([...sources.keys()].map(roomOf))].sort()).toEqual(Object.keys(ROOMS).sort());
});

test('a room imports from rooms below it only, as far as the table goes', () => {
  const names = Object.keys(ROOMS);
  for (const [index, [room, imports]] of Object.entries(ROOMS).entries()) {
    expect([room, imports.filter((name) => names.indexOf(name) <= index)]).toEqual([room, []]);
  }
});

test('each folder says in the first comment of one of its files what belongs in it', () => {
  const folders = [...sources.keys()].filter((file) => file.includes('/')).map(roomOf);
  expect(folderComments(sources).sort()).toEqual([...new Set(folders)].sort());
});

describe('imports point downwards only', () => {
  test('in this package', () => {
    expect(strayImports(sources)).toEqual([]);
  });

  test.each([
    ['of a value', 'util/queue', "import { quote } from '../errors.js';"],
    ['of a type', 'window/ring', "import type { Client } from '../client/client.js';"],
    ['of a type, in between', 'hub', "const x: import('./http/open.js').OpenOptions = {};"],
    ['of nothing but its effects', 'errors', "import './frame.js';"],
    ['that exports again', 'log/log', "export * from '../window/ring.js';"],
    ['at run time', 'client/cursor', "await import('../hub.js');"],
    ['by require', 'client/cursor', "require('../hub.js');"],
    ['of the file itself', 'util/queue', "import { Queue } from './queue.js';"],
    ['of a file that does not exist', 'index', "import { hub } from './hubs.js';"],
    ['of what lies outside', 'index', "import { serve } from '../__tests__/support/server.js';"],
    [
      'that skips what the table says',
      'redis/redis-log',
      "import { Ring } from '../window/ring.js';",
    ],
  ])('another import would be noticed: one %s', (_kind, name, line) => {
    expect(strayImports(withLine(name, line))).toEqual([
      expect.stringMatching(`^${name} imports `),
    ]);
  });
});

describe('there are no cycles', () => {
  test('in this package', () => {
    expect(filesInCycles(sources)).toEqual([]);
  });

  test('a cycle within one folder would be noticed', () => {
    const line = "import { Ring } from './ring.js';";
    expect(filesInCycles(withLine('window/window', line))).toEqual([
      'window/ring',
      'window/window',
    ]);
  });
});

describe('nothing is imported but files of this package, with their extension, and Node itself', () => {
  test('in this package, and of HTTP only where it is known', () => {
    expect(foreignImports(sources)).toEqual([]);
  });

  test.each([
    ['of Express', 'sse', "import express from 'express';"],
    ['of the types of Express', 'http/head', "import type { Request } from 'express';"],
    [
      'of a built-in module by its bare name',
      'client/cursor',
      "import { randomUUID } from 'crypto';",
    ],
    ['without the extension', 'delivery/limiter', "import { Queue } from '../util/queue';"],
    ['of a folder', 'hub', "import { Ring } from './window';"],
    ['of HTTP where it is not known', 'hub', "import { createServer } from 'node:http';"],
    ['of the types of HTTP there', 'client/cursor', "import type { Socket } from 'node:net';"],
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
    "export { default } from './ticker.js';",
    'export = 5;',
    'switch (5) { default: } export default class {}',
  ])('a default export would be noticed: %s', (line) => {
    expect(defaultExports(withLine('util/queue', line))).toEqual(['util/queue']);
  });
});
