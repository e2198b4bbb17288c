import { EventSource as EventSource4 } from 'eventsource';
import { createParser } from 'eventsource-parser';
import fc from 'fast-check';
import { EventSource as UndiciEventSource } from 'undici';
import { encodeEvent, frameEvent, frameRetry, type Serialize } from '../lib/frame.js';
import { refusal } from './support/refusal.js';
import { serve } from './support/server.js';

interface Received {
  readonly type: string;
  readonly data: string;
  readonly id: string | undefined;
}

function encode(type: string, data: unknown, retry?: number, serialize: Serialize = toJson) {
  return encodeEvent(type, data, retry, serialize);
}

function toJson(data: unknown): string | undefined {
  return JSON.stringify(data);
}

/** The fields of an event of the type 'message', as text. */
const dataFields = (data: unknown) => encode('message', data).toString();

/** What a client makes of an event's data. */
const received = (data: unknown) => parse([frameEvent('a.1', encode('message', data))])[0]?.data;

/** Reads a byte stream that arrives in these parts, with eventsource-parser. */
function parse(parts: readonly Uint8Array[]): Received[] {
  const events: Received[] = [];
  const parser = createParser({
    onEvent: ({ event = 'message', data, id }) => events.push({ type: event, data, id }),
    onError: (error) => {
      throw error;
    },
  });
  const decoder = new TextDecoder();
  for (const part of parts) parser.feed(decoder.decode(part, { stream: true }));
  parser.feed(decoder.decode());
  return events;
}

/** Serves the bytes as an event stream of its own each, and ends it. */
function serveBytes(bytes: () => Buffer): Promise<string> {
  return serve((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    res.end(bytes());
  });
}

/** What the two EventSources have in common here. */
interface Source {
  addEventListener(type: string, listener: (event: Event) => void): void;
  close(): void;
}

/** Reads one event stream to its end, hearing of these types of events. */
function readToEnd(source: Source, types: readonly string[]): Promise<Received[]> {
  const events: Received[] = [];
  return new Promise((resolve) => {
    // An event stream may well have events of the types `open` and `error`; only those have data.
    for (const type of new Set([...types, 'error'])) {
      source.addEventListener(type, (event) => {
        if ('data' in event) {
          const { data, lastEventId: id } = event as Event & { data: string; lastEventId: string };
          events.push({ type, data, id });
        } else if (type === 'error') {
          // The end of the stream, after which it would connect again.
          resolve(events);
        }
      });
    }
  }).then(() => {
    source.close();
    return events;
  });
}

/** Two implementations of EventSource that share no parser. */
const sources: [string, (url: string) => Source][] = [
  ['undici', (url) => new UndiciEventSource(url) as unknown as Source],
  ['eventsource 4', (url) => new EventSource4(url) as unknown as Source],
];

beforeAll(() => {
  // undici says once that its EventSource is experimental.
  jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
});
afterAll(() => {
  jest.restoreAllMocks();
});

describe('the type', () => {
  test('has a line of its own', () => {
    expect(encode('apples', 'x').toString()).toBe('event: apples\ndata: x\n');
  });

  test("'message' has none: it is what clients take an event without a type for", () => {
    expect(encode('message', 'x').toString()).toBe('data: x\n');
  });

  test.each([
    ['a line feed', 'a\ndata: forged', "'a\\ndata: forged'"],
    ['a carriage return', 'a\rdata: forged', "'a\\rdata: forged'"],
    ['both', 'a\r\n', "'a\\r\\n'"],
    ['a line break at its very end', 'a\n', "'a\\n'"],
    ['a NUL', 'a\0b', "'a\\x00b'"],
    ['nothing in it', '', "''"],
  ])('with %s is refused, and quoted', (_what, type, quoted) => {
    expect(refusal(() => encode(type, 'x'))).toBe(
      `TypeError: event type ${quoted}: must be a non-empty string without CR, LF and NUL`,
    );
  });

  test.each([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a number', 5, '5'],
    ['an object that reads as a fine string', { toString: () => 'a' }, '{ toString: '],
    ['a list of one fine string', ['a'], "[ 'a' ]"],
    ['a String object', Object('a'), "[String: 'a']"],
  ])('that is no string but %s is refused, and quoted', (_what, type, quoted) => {
    expect(refusal(() => encode(type as string, 'x'))).toContain(`TypeError: event type ${quoted}`);
  });

  test('may hold all else: spaces, colons, other line separators, any script', () => {
    for (const type of [
      ' a',
      'a ',
      ': a',
      'data: x',
      '\u2028\u0085\v\f',
      '\uFEFFø漢😀',
      '__proto__',
    ]) {
      expect(parse([frameEvent('a.1', encode(type, 'x'))])).toEqual([
        { type, data: 'x', id: 'a.1' },
      ]);
    }
  });
});

describe('retry', () => {
  test('has a line between the type and the data', () => {
    expect(encode('a', 'x', 1500).toString()).toBe('event: a\nretry: 1500\ndata: x\n');
  });

  test('of 0 is fine', () => {
    expect(encode('message', 'x', 0).toString()).toBe('retry: 0\ndata: x\n');
  });

  test('is written out in digits, however large', () => {
    expect(frameRetry(2 ** 31 - 1).toString()).toBe('retry: 2147483647\n\n');
  });

  test.each([
    ['-1', -1],
    ['1.5', 1.5],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['2147483648', 2 ** 31],
    ["'5'", '5'],
    ["'5\\ndata: forged'", '5\ndata: forged'],
    ['5n', 5n],
    ['null', null],
    ['true', true],
    ['[ 5 ]', [5]],
  ])('of %s is refused, and quoted', (quoted, retry) => {
    const right = 'must be an integer from 0 to 2147483647, in milliseconds';
    const error = `${typeof retry === 'number' ? 'RangeError' : 'TypeError'}: retry ${quoted}: ${right}`;
    expect(refusal(() => encode('message', 'x', retry as number))).toBe(error);
    expect(refusal(() => frameRetry(retry as number))).toBe(error);
  });
});

describe('text as data', () => {
  test('is written as it is', () => {
    expect(dataFields('{"not":"read as JSON"}')).toBe('data: {"not":"read as JSON"}\n');
  });

  test.each([
    ['LF', 'a\nb'],
    ['CR', 'a\rb'],
    ['CRLF', 'a\r\nb'],
  ])('is split into lines at %s', (_name, data) => {
    expect(dataFields(data)).toBe('data: a\ndata: b\n');
  });

  test('keeps line breaks at its beginning, at its end, and several in a row', () => {
    expect(dataFields('\n\na\r\r\nb\n\r')).toBe(
      ['', '', 'a', '', 'b', '', ''].map((line) => `data: ${line}\n`).join(''),
    );
    expect(received('\n\na\r\r\nb\n\r')).toBe('\n\na\n\nb\n\n');
  });

  test('is not split at what is a line break elsewhere', () => {
    const data = 'a\u2028b\u2029c\u0085d\ve\ff\0g';
    expect(dataFields(data)).toBe(`data: ${data}\n`);
    expect(received(data)).toBe(data);
  });

  test('can forge no field and no event', () => {
    const hostile = 'x\n\nevent: admin\rdata: forged\r\nid: 666\nretry: 1\n\n: comment';
    const events = parse([
      frameEvent('a.1', encode('chat', hostile)),
      frameEvent('a.2', encode('chat', 'next')),
    ]);
    expect(events).toEqual([
      { type: 'chat', data: hostile.replace(/\r\n?/g, '\n'), id: 'a.1' },
      { type: 'chat', data: 'next', id: 'a.2' },
    ]);
  });

  test('that is empty is an event all the same', () => {
    expect(dataFields('')).toBe('data: \n');
    expect(received('')).toBe('');
  });

  test('keeps every space it begins with', () => {
    expect(dataFields('  x')).toBe('data:   x\n');
    expect(received('  x\n y\n\tz')).toBe('  x\n y\n\tz');
  });

  test('keeps a byte order mark it begins with', () => {
    expect(received('\uFEFFx')).toBe('\uFEFFx');
  });

  test.each([
    ['alone', '\uD83D', '\uFFFD'],
    ['the first half before other text', 'a\uD83Db', 'a\uFFFDb'],
    ['the second half before other text', 'a\uDE00b', 'a\uFFFDb'],
    ['the halves the wrong way round', 'a\uDE00\uD83Db', 'a\uFFFD\uFFFDb'],
    ['the halves on two lines', '\uD83D\n\uDE00', '\uFFFD\n\uFFFD'],
    ['beside a whole pair', '\uD83D😀\uDE00', '\uFFFD😀\uFFFD'],
  ])('has a lone surrogate replaced and nothing beside it: %s', (_what, data, expected) => {
    expect(received(data)).toBe(expected);
  });

  test('may be 10 MB long', () => {
    const data = '0123456789'.repeat(1024 * 1024);
    expect(received(data) === data).toBe(true);
  });

  test('may be 1 MB of line breaks', () => {
    expect(received('\r\n'.repeat(512 * 1024)) === '\n'.repeat(512 * 1024)).toBe(true);
  });
});

describe('data of another kind', () => {
  test('that is undefined is empty', () => {
    expect(dataFields(undefined)).toBe('data: \n');
  });

  test.each([
    ['null', null],
    ['42', 42],
    ['null', Number.NaN],
    ['false', false],
    ['{"count":42,"of":["a\\nb",null]}', { count: 42, of: ['a\nb', undefined] }],
    ['"1970-01-01T00:00:00.000Z"', new Date(0)],
    ['"x"', { toJSON: () => 'x' }],
    ['["\\ud83d"]', ['\uD83D']],
    ['{"0":255}', Uint16Array.of(255)],
  ])('goes through JSON: %s', (json, data) => {
    expect(dataFields(data)).toBe(`data: ${json}\n`);
  });

  const cycle: { self?: object } = {};
  cycle.self = cycle;

  test.each<[string, unknown, string]>([
    ['a cycle', cycle, 'circular structure'],
    ['a BigInt', 5n, 'BigInt'],
    ['a BigInt deep inside', { total: [5n] }, 'BigInt'],
    ['a function', function tick() {}, '[Function: tick] came out as undefined, not as a string'],
    ['a symbol', Symbol('x'), 'Symbol(x) came out as undefined, not as a string'],
    [
      'an object that says it is nothing',
      { toJSON() {} },
      ' came out as undefined, not as a string',
    ],
  ])('that is %s is refused, with the type of its event and the reason', (_what, data, why) => {
    const error = refusal(() => encode('order', data));
    expect(error).toMatch(/^TypeError: data of event 'order' can't be serialized: /);
    expect(error).toContain(why);
  });

  test.each([
    ['an error', new Error('not connected'), 'not connected'],
    ['something else', 'not connected', "'not connected'"],
  ])('that throws %s while it is read is refused, with that as the cause', (_what, cause, why) => {
    const data = {
      toJSON() {
        throw cause;
      },
    };
    expect.assertions(3);
    try {
      encode('order', data);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toBe(`data of event 'order' can't be serialized: ${why}`);
      expect((error as Error).cause).toBe(cause);
    }
  });
});

describe('a serializer of the user', () => {
  const upper: Serialize = (data) => String(data).toUpperCase();

  test('gets what is neither text nor bytes nor undefined', () => {
    const given: unknown[] = [];
    const serialize: Serialize = (data) => {
      given.push(data);
      return 'x';
    };
    const object = { a: 1 };
    for (const data of ['text', new Uint8Array(1), undefined, null, 0, object, 5n]) {
      encode('message', data, undefined, serialize);
    }
    expect(given).toEqual([null, 0, object, 5n]);
    expect(given[2]).toBe(object);
  });

  test('may return any text: line breaks in it are split as in all data', () => {
    expect(encode('a', ['x\r\ny'], undefined, upper).toString()).toBe(
      'event: a\ndata: X\ndata: Y\n',
    );
    expect(encode('a', [], undefined, upper).toString()).toBe('event: a\ndata: \n');
  });

  test.each([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a number', 5, '5'],
    ['bytes', Buffer.from('x'), '<Buffer 78>'],
    ['a promise', Promise.resolve('x'), 'Promise'],
  ])('may not return %s', (_what, result, quoted) => {
    const serialize = (() => result) as unknown as Serialize;
    expect(refusal(() => encode('order', 42, undefined, serialize))).toBe(
      `TypeError: data of event 'order' can't be serialized: 42 came out as ${quoted}, not as a string`,
    );
  });
});

describe('bytes as data', () => {
  const utf8 = new TextEncoder();

  test('are written as UTF-8 text, and split at CR, LF and CRLF', () => {
    expect(dataFields(utf8.encode('ø\r漢\n😀\r\n\r'))).toBe(
      'data: ø\ndata: 漢\ndata: 😀\ndata: \ndata: \n',
    );
  });

  test('have a type and a retry like all data', () => {
    expect(encode('ø', utf8.encode('漢'), 5).toString()).toBe('event: ø\nretry: 5\ndata: 漢\n');
  });

  test('that are a view into a larger buffer are read from where it begins to where it ends', () => {
    const whole = utf8.encode('secret\nvisible\nsecret');
    expect(dataFields(whole.subarray(7, 14))).toBe('data: visible\n');
    expect(dataFields(Buffer.from(whole.buffer, 7, 7))).toBe('data: visible\n');
  });

  test('that are none are empty data', () => {
    expect(dataFields(new Uint8Array())).toBe('data: \n');
  });

  test('are left as they were', () => {
    const bytes = utf8.encode('a\r\nb');
    dataFields(bytes);
    expect(Buffer.from(bytes).toString()).toBe('a\r\nb');
  });

  test('that are no UTF-8 are passed on as they are, and spoil nothing around them', () => {
    // A stray continuation, a character cut off by a line break, and one cut off by the end.
    const bytes = Uint8Array.of(0x80, 0x61, 0xe2, 0x82, 0x0d, 0x0a, 0x62, 0xf0, 0x9f);
    expect(encode('message', bytes)).toEqual(
      Buffer.concat([
        Buffer.from('data: '),
        bytes.subarray(0, 4),
        Buffer.from('\ndata: '),
        bytes.subarray(6),
        Buffer.from('\n'),
      ]),
    );
    expect(received(bytes)).toBe('\uFFFDa\uFFFD\nb\uFFFD');
  });

  test('keep a byte order mark they begin with', () => {
    expect(received(utf8.encode('\uFEFFx'))).toBe('\uFEFFx');
  });
});

describe('an event as a whole', () => {
  test('is its fields, its id, and the empty line that dispatches it', () => {
    const frame = frameEvent('k3-_~.12', encode('apples', 'ø\n漢', 5));
    expect(frame.toString()).toBe('event: apples\nretry: 5\ndata: ø\ndata: 漢\nid: k3-_~.12\n\n');
  });
});

describe('what a client gets equals what was sent', () => {
  const LINE_BREAKS = /\r\n?/g;

  /** Text that tries to break the framing: fields, line breaks, halves of characters, anything. */
  const text = fc.string({
    size: 'medium',
    unit: fc.oneof(
      fc.constantFrom(
        '\r',
        '\n',
        '\r\n',
        '\n\n',
        '\0',
        ' ',
        '\t',
        ':',
        '\uFEFF',
        '\uD83D',
        '\uDE00',
      ),
      fc.constantFrom('data', 'data: ', 'event: ', 'id: ', 'retry: ', ': ', '$&', '\u2028'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      fc.nat(0xffff).map((unit) => String.fromCharCode(unit)),
    ),
  });
  const type = fc.oneof(
    fc.constantFrom('message', 'open', 'error', 'data', '__proto__'),
    text.map((any) => any.replace(/[\r\n\0]/g, '')).filter((any) => any !== ''),
  );
  const data = fc.oneof(
    text,
    text.map((any) => Buffer.from(any)),
    fc.uint8Array(),
    fc.jsonValue(),
    fc.constant(undefined),
  );
  const event = fc.record({
    type,
    data,
    retry: fc.option(fc.nat(), { nil: undefined }),
    id: fc.stringMatching(/^[A-Za-z0-9._~-]{1,64}$/),
  });
  type Sent = typeof event extends fc.Arbitrary<infer Event> ? Event : never;

  const framed = ({ id, type, data, retry }: Sent) => frameEvent(id, encode(type, data, retry));

  function asReceived({ id, type, data }: Sent): Received {
    return {
      id,
      type: Buffer.from(type).toString(),
      data: textOf(data).replace(LINE_BREAKS, '\n'),
    };
  }

  function textOf(data: Sent['data']): string {
    if (data === undefined) return '';
    if (typeof data === 'string') return Buffer.from(data).toString();
    if (data instanceof Uint8Array)
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(data);
    return JSON.stringify(data);
  }

  test('through eventsource-parser, wherever the byte stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        (sent, sizes) => {
          const bytes = Buffer.concat(sent.map(framed));
          const parts: Buffer[] = [];
          for (let at = 0, part = 0; at < bytes.length; part++) {
            const size = sizes[part % sizes.length] as number;
            parts.push(bytes.subarray(at, at + size));
            at += size;
          }
          expect(parse(parts)).toEqual(sent.map(asReceived));
        },
      ),
      { numRuns: 500 },
    );
  });

  test.each(sources)('through the EventSource of %s, over a connection', async (_name, connect) => {
    let bytes = Buffer.alloc(0);
    const url = await serveBytes(() => bytes);
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 1, maxLength: 200, size: 'max' }),
        async (sent) => {
          bytes = Buffer.concat(sent.map(framed));
          const expected = sent.map(asReceived);
          const types = expected.map((event) => event.type);
          expect(await readToEnd(connect(url), types)).toEqual(expected);
        },
      ),
      { numRuns: 15 },
    );
  });

  test.each(sources)(
    'through the EventSource of %s, also if it is large',
    async (name, connect) => {
      const sent = [
        'x'.repeat(10 * 1024 * 1024),
        // undici refuses an event of more than 131 072 lines, to guard its memory.
        '\n'.repeat(name === 'undici' ? 131_071 : 1024 * 1024),
        'the last one',
      ];
      const url = await serveBytes(() =>
        Buffer.concat(sent.map((data, index) => frameEvent(`a.${index}`, encode('message', data)))),
      );
      const events = await readToEnd(connect(url), ['message']);
      expect(events.map(({ data }) => data.length)).toEqual(sent.map((data) => data.length));
      expect(events.every(({ data }, index) => data === sent[index])).toBe(true);
    },
  );
});
