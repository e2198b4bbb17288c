import { toJson } from '../../lib/util/json.js';

class Point {
  readonly #x = 1;
  get x() {
    return this.#x;
  }
}

test.each<[string, unknown, string]>([
  ['a plain object', { a: [1, {}], b: {} }, '{"a":[1,{}],"b":{}}'],
  ['an empty object', {}, '{}'],
  ['an object without a prototype', Object.create(null), '{}'],
  ['an object of a class without properties', new Point(), '{}'],
  ['a date', { at: new Date(0), o: {} }, '{"at":"1970-01-01T00:00:00.000Z","o":{}}'],
  [
    'boxed values',
    { n: Object(1), s: Object('s'), b: Object(false), o: {} },
    '{"n":1,"s":"s","b":false,"o":{}}',
  ],
  ['what has a toJSON', Object.assign(new Map(), { toJSON: () => ({}) }), '{}'],
  ['an error with a toJSON', Object.assign(new Error('x'), { toJSON: () => 'x' }), '"x"'],
  ['text with braces', '{}', '"{}"'],
])('%s is what JSON makes of it', (_name, value, text) => {
  expect(toJson(value)).toBe(text);
});

test.each<[string, unknown, string]>([
  [
    'a Map',
    new Map([['a', 1]]),
    'Map would arrive as {}: send Object.fromEntries(map), or [...map]',
  ],
  ['a Set', new Set([1]), 'Set would arrive as {}: send [...set]'],
  [
    'a promise',
    Promise.resolve(1),
    'Promise would arrive as {}: send what it resolves with: await it',
  ],
  ['an error', new RangeError('x'), 'Error would arrive as {}: send its message,'],
  [
    'an error with a code',
    Object.assign(new Error('x'), { code: 'E' }),
    'Error would arrive as {}',
  ],
  [
    'a Blob',
    new Blob(['x']),
    'Blob would arrive as {}: send new Uint8Array(await blob.arrayBuffer())',
  ],
  ['an expression', /x/, 'RegExp would arrive as {}: send an object, a list, a string or bytes'],
  ['the headers of fetch', new Headers({ a: 'b' }), 'Headers would arrive as {}'],
  [
    'a Map in an object',
    { users: new Map() },
    "its property 'users', Map, would arrive as {}: send",
  ],
  ['bytes in a list', [1, new ArrayBuffer(3)], "its property '1', ArrayBuffer, would arrive as {}"],
])(
  '%s, of which nothing would arrive, is refused with what to send instead',
  (_name, value, message) => {
    expect(() => toJson(value)).toThrow(TypeError);
    expect(() => toJson(value)).toThrow(message);
  },
);
