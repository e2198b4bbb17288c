import { once } from 'node:events';
import { Writable } from 'node:stream';
import pino from 'pino';
import { createLogger, format, transports } from 'winston';
import { EventHub } from '../lib/hub.js';
import { type CloseOptions, createHub, type HubOptions, type Logger, sse } from '../lib/index.js';
import { memoryLog } from '../lib/log/memory.js';
import { readCloseOptions, readHubOptions } from '../lib/options.js';
import { enter } from './support/enter.js';
import { FakeSink } from './support/fake-sink.js';
import { refusal } from './support/refusal.js';

interface Expected {
  readonly byDefault: unknown;
  readonly fine: readonly unknown[];
  /** What the value must be, in the words of the error message. */
  readonly right: string;
  /** Values that are refused, each as the message quotes it. */
  readonly wrong: Readonly<Record<string, unknown>>;
}

/** Numbers, as the message quotes them. */
function numbers(...values: number[]): Record<string, number> {
  return Object.fromEntries(values.map((value) => [String(value), value]));
}

const silent: Logger = { info() {}, warn() {} };
const noNumber = { null: null, true: true, "'5'": '5', '5n': 5n, '[ 5 ]': [5] };
const noInteger = numbers(-1, 1.5, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 53);

const integerFromOne = {
  fine: [1, 2, Number.MAX_SAFE_INTEGER],
  right: 'must be an integer from 1',
  wrong: { ...noNumber, false: false, ...noInteger, ...numbers(0, Number.POSITIVE_INFINITY) },
};
const integerFromOneOrInfinity = {
  fine: [...integerFromOne.fine, Number.POSITIVE_INFINITY],
  right: 'must be an integer from 1, or Infinity',
  wrong: { ...noNumber, false: false, ...noInteger, ...numbers(0) },
};
const integerFromZero = {
  fine: [0, 1, Number.MAX_SAFE_INTEGER],
  right: 'must be an integer from 0',
  wrong: { ...noNumber, false: false, ...noInteger, ...numbers(Number.POSITIVE_INFINITY) },
};
const delay = {
  fine: [0.5, 1, 2 ** 31 - 1],
  right: 'must be a number above 0 and at most 2147483647, in milliseconds',
  wrong: {
    ...noNumber,
    false: false,
    ...numbers(0, -1, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY),
  },
};

const { Infinity: _, ...noDelay } = delay.wrong as Record<string, unknown>;
const delayOrInfinity = {
  fine: [...delay.fine, Number.POSITIVE_INFINITY],
  right: `${delay.right}, or Infinity`,
  wrong: noDelay,
};
const eventType = {
  fine: ['lost', ' ', 'ø', false],
  right: 'must be a non-empty string without CR, LF and NUL, or false',
  wrong: {
    "''": '',
    "'a\\nb'": 'a\nb',
    "'gap\\r'": 'gap\r',
    "'\\x00'": '\0',
    null: null,
    true: true,
    '5': 5,
    "[ 'gap' ]": ['gap'],
  },
};

/** The same option, where `false` is right as well. */
function orFalse({ fine, right, wrong }: Omit<Expected, 'byDefault'>): Omit<Expected, 'byDefault'> {
  const { false: _, ...others } = wrong;
  return { fine: [...fine, false], right: `${right}, or false`, wrong: others };
}

/** Every option of a hub: the compiler sees to it that none is left out. */
const options: { readonly [Name in keyof HubOptions]-?: Expected } = {
  log: {
    byDefault: undefined,
    fine: [memoryLog()],
    right: 'must be a log, as redisLog() or natsLog() gives it',
    wrong: {
      null: null,
      false: false,
      "'redis'": 'redis',
      '{}': {},
      '[Function: log]': function log() {},
    },
  },
  requestQueueSize: { byDefault: 10, ...integerFromOne },
  clientQueueSize: { byDefault: 1000, ...integerFromOneOrInfinity },
  clientQueueBytes: { byDefault: 1_048_576, ...integerFromOneOrInfinity },
  concurrency: { byDefault: 64, ...integerFromOneOrInfinity },
  sendTimeout: { byDefault: 10_000, ...delay },
  slowClient: {
    byDefault: 'disconnect',
    fine: ['disconnect', 'skip'],
    right: "must be 'disconnect' or 'skip'",
    wrong: { "'Skip'": 'Skip', "''": '', null: null, false: false, "[ 'skip' ]": ['skip'] },
  },
  history: {
    byDefault: {
      events: 1000,
      bytes: 16_777_216,
      age: Number.POSITIVE_INFINITY,
      room: { events: 100, age: Number.POSITIVE_INFINITY },
    },
    fine: [{ events: 0, bytes: 0, age: 1000, room: { events: 0, age: 1 } }],
    right: 'must be an object, or false',
    wrong: {
      null: null,
      true: true,
      '5': 5,
      "'all'": 'all',
      '[]': [],
      "Map(1) { 'events' => 5 }": new Map([['events', 5]]),
      '[Function: history]': function history() {},
    },
  },
  keepAlive: { byDefault: 15_000, ...orFalse(delay) },
  retry: {
    byDefault: 3000,
    ...orFalse({
      fine: [0, 1, 2 ** 31 - 1],
      right: 'must be an integer from 0 to 2147483647',
      wrong: { ...integerFromZero.wrong, ...numbers(2 ** 31) },
    }),
  },
  gapEvent: { byDefault: 'gap', ...eventType },
  readyEvent: { byDefault: 'ready', ...eventType },
  heartbeatEvent: { byDefault: 'heartbeat', ...eventType },
  liveEvent: { byDefault: false, ...eventType },
  start: {
    byDefault: 'now',
    fine: ['now', 'earliest', 'state', { last: 0 }, { last: 20 }, { after: 'e.1' }],
    right:
      "must be 'now', 'earliest', 'state', { last: n }, { after: id } or a function of the request",
    wrong: {
      "'Now'": 'Now',
      "''": '',
      null: null,
      false: false,
      '20': 20,
      '{}': {},
      '[]': [],
      "{ last: 1, after: 'e.1' }": { last: 1, after: 'e.1' },
    },
  },
  maxAge: { byDefault: Number.POSITIVE_INFINITY, ...delayOrInfinity },
  maxClients: { byDefault: Number.POSITIVE_INFINITY, ...integerFromOneOrInfinity },
  maxClientsPerKey: { byDefault: Number.POSITIVE_INFINITY, ...integerFromOneOrInfinity },
  maxReplayBytes: { byDefault: 1_073_741_824, ...integerFromOneOrInfinity },
  maxRooms: { byDefault: 1000, ...integerFromOneOrInfinity },
  maxRoomLength: { byDefault: 256, ...integerFromOneOrInfinity },
  maxEventBytes: { byDefault: 16_777_216, ...integerFromOneOrInfinity },
  openTimeout: { byDefault: 10_000, ...delayOrInfinity },
  refuse: {
    byDefault: 'retry',
    fine: ['retry', 'status'],
    right: "must be 'retry' or 'status'",
    wrong: { "'Retry'": 'Retry', "''": '', null: null, false: false, '503': 503 },
  },
  serialize: {
    byDefault: JSON.stringify,
    fine: [String, (data: unknown) => `${data}`],
    right: 'must be a function',
    wrong: {
      null: null,
      false: false,
      "'json'": 'json',
      '{ stringify: [Function: stringify] }': { stringify() {} },
    },
  },
  logger: {
    byDefault: undefined,
    fine: [silent, console],
    right: 'must have the methods info and warn',
    wrong: {
      null: null,
      false: false,
      "'console'": 'console',
      '[Function: log]': function log() {},
      '{ info: [Function: info] }': { info() {} },
      "{ info: [Function: info], warn: 'x' }": { info() {}, warn: 'x' },
    },
  },
};

describe.each(Object.entries(options))(
  'the option %s',
  (name, { byDefault, fine, right, wrong }) => {
    const read = (given: object): unknown => readHubOptions(given)[name as keyof HubOptions];

    test('has its default where it is not given, and where it is undefined', () => {
      expect(read({})).toEqual(byDefault);
      expect(read({ [name]: undefined })).toEqual(byDefault);
    });

    test('is taken as it is where it is right', () => {
      for (const value of fine) expect(read({ [name]: value })).toEqual(value);
    });

    test.each(Object.entries(wrong))('of %s is refused, with what is right', (quoted, value) => {
      // A number where a number is wanted is out of range; all else is of the wrong type.
      const kind = typeof value === 'number' && typeof byDefault === 'number' ? 'Range' : 'Type';
      const error = `${kind}Error: ${name} ${quoted}: ${right}`;
      expect(refusal(() => createHub({ [name]: value }))).toBe(error);
      expect(refusal(() => sse({ [name]: value }))).toBe(error);
    });
  },
);

describe('the history', () => {
  test('that is false is one of no events and no bytes', () => {
    expect(readHubOptions({ history: false }).history).toEqual({
      events: 0,
      bytes: 0,
      age: Number.POSITIVE_INFINITY,
      room: { events: 0, age: Number.POSITIVE_INFINITY },
    });
  });

  test('has a default for each of its bounds', () => {
    expect(readHubOptions({ history: { events: 5, age: 9 } }).history).toEqual({
      events: 5,
      bytes: 16_777_216,
      age: 9,
      room: { events: 5, age: 9 },
    });
    expect(readHubOptions({ history: { bytes: 5, room: { events: 7 } } }).history).toEqual({
      events: 1000,
      bytes: 5,
      age: Number.POSITIVE_INFINITY,
      room: { events: 7, age: Number.POSITIVE_INFINITY },
    });
  });

  test.each(['events', 'bytes'])('has its bound of %s checked', (bound) => {
    for (const value of integerFromZero.fine) {
      expect(readHubOptions({ history: { [bound]: value } }).history).toMatchObject({
        [bound]: value,
      });
    }
    for (const [quoted, value] of Object.entries(integerFromZero.wrong)) {
      const kind = typeof value === 'number' ? 'Range' : 'Type';
      expect(refusal(() => createHub({ history: { [bound]: value } }))).toBe(
        `${kind}Error: history.${bound} ${quoted}: must be an integer from 0`,
      );
    }
  });

  test('has no other bound', () => {
    expect(refusal(() => createHub({ history: { event: 5 } as object }))).toBe(
      "TypeError: history: there is no option 'event', only events, bytes, age, room; did you mean 'events'?",
    );
  });
});

describe('all options together', () => {
  test('may be left out', () => {
    const defaults = Object.entries(options).map(([name, { byDefault }]) => [name, byDefault]);
    expect(readHubOptions({})).toEqual(Object.fromEntries(defaults));
    expect(createHub().size).toBe(0);
  });

  test('are left as they were', () => {
    const given = Object.freeze({ concurrency: 5, history: Object.freeze({ events: 5 }) });
    expect(readHubOptions(given)).toMatchObject({ concurrency: 5 });
    expect(given).toEqual({ concurrency: 5, history: { events: 5 } });
  });

  test.each([
    ['null', null],
    ['5', 5],
    ["'skip'", 'skip'],
    ['[]', []],
    ['[Function: options]', function options() {}],
  ])('may not be %s', (quoted, value) => {
    expect(refusal(() => createHub(value as HubOptions))).toBe(
      `TypeError: options ${quoted}: must be an object`,
    );
  });

  test('are told apart from what is none, by name', () => {
    const names = Object.keys(options).join(', ');
    const meant = {
      concurency: 'concurrency',
      Retry: 'retry',
      quueSize: undefined,
      toString: undefined,
    };
    for (const [name, near] of Object.entries(meant)) {
      const hint = near === undefined ? '' : `; did you mean '${near}'?`;
      const error = `TypeError: options: there is no option '${name}', only ${names}${hint}`;
      expect(refusal(() => createHub({ [name]: undefined } as HubOptions))).toBe(error);
      expect(refusal(() => createHub({ [name]: 5 } as HubOptions))).toBe(error);
    }
  });
});

describe('a wrong value', () => {
  test.each<[string, unknown]>([
    ['an object of many properties', { ...Array.from({ length: 999 }) }],
    ['an object with long names', { ['x'.repeat(1000)]: 5 }],
    ['an error, which has a stack', new Error('x')],
    ['a number of many digits', 10n ** 1000n],
    ['a list of long texts', ['a\nb'.repeat(100), 'a\nb'.repeat(100), 'a\nb'.repeat(100)]],
  ])('is quoted on one line of at most 120 characters: %s', (_what, logger) => {
    expect(refusal(() => createHub({ logger } as HubOptions))).toMatch(
      /^TypeError: logger .{10,120}: must have the methods info and warn$/,
    );
  });
});

describe('the options of close', () => {
  test('have their defaults, also where they are undefined', () => {
    const defaults = { timeout: 5000, final: false };
    expect(readCloseOptions({})).toEqual(defaults);
    expect(readCloseOptions({ timeout: undefined, final: undefined })).toEqual(defaults);
  });

  test('are taken as they are where they are right', () => {
    for (const timeout of delay.fine as number[]) {
      expect(readCloseOptions({ timeout, final: true })).toEqual({ timeout, final: true });
    }
  });

  test.each([
    ...Object.entries(delay.wrong).map(([quoted, timeout]): [string, object] => {
      const kind = typeof timeout === 'number' ? 'Range' : 'Type';
      return [`${kind}Error: timeout ${quoted}: ${delay.right}`, { timeout }];
    }),
    ['TypeError: final null: must be a boolean', { final: null }],
    ["TypeError: final 'yes': must be a boolean", { final: 'yes' }],
    ["TypeError: close options: there is no option 'force', only timeout, final", { force: true }],
    ['TypeError: close options 5000: must be an object', 5000],
    ['TypeError: close options null: must be an object', null],
  ])('are refused where they are wrong: %s', async (error, wrong) => {
    const hub = createHub();
    const closed = hub.close(wrong as CloseOptions);
    await expect(closed.catch(String)).resolves.toBe(error);
  });
});

describe('a logger', () => {
  const attach = (logger: Logger) => enter(new EventHub({ logger }), new FakeSink());

  /** A stream that keeps what is written to it, line by line. */
  function collect() {
    const lines: string[] = [];
    const stream = new Writable({
      write(line, _encoding, done) {
        lines.push(String(line));
        stream.emit('line');
        done();
      },
    });
    return { lines, stream };
  }

  test('may be the console', () => {
    const info = jest.spyOn(console, 'info').mockImplementation();
    try {
      attach(console);
      expect(info.mock.calls).toEqual([['new listener: total 1']]);
    } finally {
      info.mockRestore();
    }
  });

  test('may be one of pino', () => {
    const { lines, stream } = collect();
    attach(pino(stream));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 30, msg: 'new listener: total 1' },
    ]);
  });

  test('may be one of winston', async () => {
    const { lines, stream } = collect();
    const written = once(stream, 'line');
    attach(
      createLogger({ format: format.simple(), transports: [new transports.Stream({ stream })] }),
    );
    await written;
    expect(lines).toEqual([expect.stringMatching(/^info: new listener: total 1\r?\n$/)]);
  });

  test('may be an object whose methods need their `this`', () => {
    class Lines {
      readonly #lines: string[] = [];
      get lines() {
        return this.#lines;
      }
      info(line: string) {
        this.#lines.push(line);
      }
      warn(line: string) {
        this.#lines.push(line);
      }
    }
    const logger = new Lines();
    attach(logger);
    expect(logger.lines).toEqual(['new listener: total 1']);
  });
});
