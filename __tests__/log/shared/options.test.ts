import { createSentinel } from 'redis5';
import { natsLog } from '../../../lib/nats/nats-log.js';
import { redisLog } from '../../../lib/redis/redis-log.js';
import { MASTER_NAME } from '../../support/redis-sentinel.js';
import { refusal } from '../../support/refusal.js';

const redisClient = { callBuffer: async () => {}, duplicate: () => {} };
const natsClient = {
  jetstreamManager: async () => {},
  publish: async () => {},
  consumers: { get: async () => {} },
};

const RIGHT_REDIS = 'must be a client of redis or ioredis';
const RIGHT_NATS = 'must be what jetstream(connection) gives';
const RIGHT_PREFIX = 'must be 1 to 64 characters of A-Z a-z 0-9 _ -';
const RIGHT_EVENTS = 'must be an integer from 1, or Infinity';
const RIGHT_AGE = 'must be a number above 0 and at most 2147483647, in milliseconds, or Infinity';

describe.each<[string, string, (client: never) => unknown]>([
  ['redisLog', RIGHT_REDIS, (client) => redisLog(client)],
  ['natsLog', RIGHT_NATS, (client) => natsLog(client)],
])('%s throws for a client', (name, right, make) => {
  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['{}', {}],
    ['6379', 6379],
    ["'localhost'", 'localhost'],
    ['{ publish: [Function: publish] }', { publish() {} }],
  ])('that is %s', (quoted, client) => {
    expect(refusal(() => make(client as never))).toBe(
      `TypeError: ${name} client ${quoted}: ${right}`,
    );
  });
});

test('redisLog throws for a sentinel client of redis 5, which nobody can copy', () => {
  const client = createSentinel({
    name: MASTER_NAME,
    sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }],
  });
  // @ts-expect-error The compiler knows as well.
  expect(refusal(() => redisLog(client))).toMatch(
    /^TypeError: redisLog client .+: must be one that can be copied: for sentinels, a client of redis 6 or ioredis$/,
  );
});

describe.each<[string, (options: never) => unknown]>([
  ['redisLog', (options) => redisLog(redisClient, options)],
  ['natsLog', (options) => natsLog(natsClient, options)],
])('%s throws for', (name, make) => {
  test.each<[unknown, string]>([
    ['orders', `TypeError: ${name} options 'orders': must be an object`],
    [null, `TypeError: ${name} options null: must be an object`],
    [{ prefix: '' }, `TypeError: prefix '': ${RIGHT_PREFIX}`],
    [{ prefix: 'a.b' }, `TypeError: prefix 'a.b': ${RIGHT_PREFIX}`],
    [{ prefix: 'a\n' }, `TypeError: prefix 'a\\n': ${RIGHT_PREFIX}`],
    [{ prefix: '{a}' }, `TypeError: prefix '{a}': ${RIGHT_PREFIX}`],
    [{ prefix: 'ü' }, `TypeError: prefix 'ü': ${RIGHT_PREFIX}`],
    [{ prefix: 7 }, `TypeError: prefix 7: ${RIGHT_PREFIX}`],
    [
      { prefix: 'x'.repeat(65) },
      `TypeError: prefix '${'x'.repeat(60)}'... 5 more characters: ${RIGHT_PREFIX}`,
    ],
    [{ history: 7 }, 'TypeError: history 7: must be an object'],
    [{ history: { events: 0 } }, `RangeError: history.events 0: ${RIGHT_EVENTS}`],
    [{ history: { events: 1.5 } }, `RangeError: history.events 1.5: ${RIGHT_EVENTS}`],
    [{ history: { events: '9' } }, `TypeError: history.events '9': ${RIGHT_EVENTS}`],
    [{ history: { age: 0 } }, `RangeError: history.age 0: ${RIGHT_AGE}`],
    [{ history: { age: 3e9 } }, `RangeError: history.age 3000000000: ${RIGHT_AGE}`],
    [{ history: { age: '9' } }, `TypeError: history.age '9': ${RIGHT_AGE}`],
  ])('%j', (options, message) => {
    expect(refusal(() => make(options as never))).toBe(message);
  });

  test.each<object>([
    {},
    { prefix: 'Az-09_' },
    { prefix: 'x'.repeat(64) },
    { history: {} },
    { history: { events: 1, age: 0.5 } },
    { history: { events: Infinity, age: Infinity } },
  ])('nothing in %j', (options) => {
    expect(refusal(() => make(options as never))).toBe('none');
  });
});

describe('natsLog throws for', () => {
  const right = 'must be an integer from 1 to 5';

  test.each<[unknown, string]>([
    [0, `RangeError: replicas 0: ${right}`],
    [6, `RangeError: replicas 6: ${right}`],
    [1.5, `RangeError: replicas 1.5: ${right}`],
    ['3', `TypeError: replicas '3': ${right}`],
  ])('replicas %j', (replicas, message) => {
    expect(refusal(() => natsLog(natsClient, { replicas: replicas as number }))).toBe(message);
  });

  test.each([1, 3, 5])('nothing with replicas %j', (replicas) => {
    expect(refusal(() => natsLog(natsClient, { replicas }))).toBe('none');
  });
});
