import { quote } from './errors.js';
import type { Serialize } from './frame.js';
import type { Log } from './log/log.js';
import type { Logger } from './util/logger.js';
import {
  bound,
  delay,
  eventType,
  flag,
  integer,
  MAX_DELAY,
  oneOf,
  type Readers,
  readOptions,
  record,
  type Settings,
  span,
} from './validate.js';

/** How much of the past a hub keeps, for clients that come back. Each bound holds by itself. */
export interface HistoryOptions {
  /** How many events, an integer from 0. Default 1000. */
  readonly events?: number | undefined;
  /**
   * How many bytes, an integer from 0. An event counts what goes over the wire, and 200 bytes for
   * what lies around it in memory. Default 16 MiB (16 777 216).
   */
  readonly bytes?: number | undefined;
  /** For how long, in ms. A number above 0, at most 2 147 483 647, or `Infinity`, the default. */
  readonly age?: number | undefined;
}

/** Everything about a hub that is not about one route. All of it is optional. */
export interface HubOptions {
  /**
   * Where the events are kept: `redisLog` and `natsLog` share one log among many processes. Each hub
   * takes one of its own. Default: the memory of this process.
   */
  readonly log?: Log | undefined;
  /**
   * How many events may be accepted before every client that takes any has been offered them. A
   * further send waits. An integer from 1. Default 10.
   */
  readonly requestQueueSize?: number | undefined;
  /**
   * How many events may be accepted for a client while it takes none, before it counts as slow. An
   * integer from 1, or `Infinity` to turn the bound off. Default 1000.
   */
  readonly clientQueueSize?: number | undefined;
  /**
   * The same in bytes. One event alone never goes beyond it, however large. An integer from 1, or
   * `Infinity` to turn the bound off. Default 1 MiB (1 048 576).
   */
  readonly clientQueueBytes?: number | undefined;
  /**
   * How many responses are written in one turn of the event loop: all other work of the process
   * gets its turn in between. An integer from 1, or `Infinity`. Default 10.
   */
  readonly concurrency?: number | undefined;
  /**
   * How long a response may take no more bytes before its client counts as slow, and the log may
   * store nothing before those who wait for it are told so, in ms. A number above 0, at most
   * 2 147 483 647. Default 10 000.
   */
  readonly sendTimeout?: number | undefined;
  /**
   * What happens to a slow client.
   *
   * - `'disconnect'` (the default): its connection is cut. EventSource comes back with its
   *   Last-Event-ID and gets the rest from the history.
   * - `'skip'`: it stays, and the events that wait for it are dropped. Once it takes bytes again it
   *   is told of the gap.
   */
  readonly slowClient?: 'disconnect' | 'skip' | undefined;
  /**
   * How much of the past is kept for clients that come back; `false` keeps no more than what
   * connected clients still need. Default `{ events: 1000, bytes: 16 MiB }`.
   */
  readonly history?: HistoryOptions | false | undefined;
  /**
   * A client to which nothing was written for this long gets a heartbeat, so that proxies keep the
   * connection, in ms. Between two of them TCP looks whether the peer is still there, which takes it
   * 13 s: with a shorter time, a dead peer is noticed only after many minutes. A number above 0, at
   * most 2 147 483 647; `false` turns it off. Default 15 000.
   */
  readonly keepAlive?: number | false | undefined;
  /**
   * How long clients wait before they connect again, in ms: sent as `retry:` when a stream opens. An
   * integer from 0 to 2 147 483 647; `false` leaves it to the client. Default 3000. Clients that are
   * sent away by `close()` wait between once and twice as long, each its own time (3000 to 6000 where
   * this is 0 or false).
   */
  readonly retry?: number | false | undefined;
  /**
   * The type of the event that tells a client what it missed: its data is
   * `{ "reason": string, "missed"?: number }`. `false` sends none. Default `'gap'`.
   */
  readonly gapEvent?: string | false | undefined;
  /**
   * The type of an event that every stream begins with: it has empty data and carries the stream's
   * place in the log, for clients that ignore an id which comes without data. `false` sends the id
   * alone, which browsers honour. Default `false`.
   */
  readonly readyEvent?: string | false | undefined;
  /**
   * How long a stream may last, in ms, so that clients spread over new servers behind a load
   * balancer. Each is ended after 80 to 100 % of it, and comes back where it was. A number above 0,
   * at most 2 147 483 647, or `Infinity`, the default.
   */
  readonly maxAge?: number | undefined;
  /**
   * How many clients may be connected; further ones are turned away as `refuse` says. An integer
   * from 1, or `Infinity`, the default.
   */
  readonly maxClients?: number | undefined;
  /**
   * How many clients may be connected that have the same key, which is the address they come from
   * unless the route's `key` says otherwise. Further ones get 429. An integer from 1, or `Infinity`,
   * the default.
   */
  readonly maxClientsPerKey?: number | undefined;
  /**
   * How clients are turned away while the hub is full or closing, or its log is away.
   *
   * - `'retry'` (the default): a stream that says when to come back, and ends. EventSource obeys.
   * - `'status'`: 503 with Retry-After, after which EventSource gives up for good.
   */
  readonly refuse?: 'retry' | 'status' | undefined;
  /** Turns data that is neither a string nor bytes into text. Default `JSON.stringify`. */
  readonly serialize?: Serialize | undefined;
  /** Where the hub says who comes, who leaves and who is slow. Default: nowhere. */
  readonly logger?: Logger | undefined;
}

export interface CloseOptions {
  /**
   * How long clients may take to receive what was accepted, in ms. A number above 0, at most
   * 2 147 483 647. Default 5000.
   */
  readonly timeout?: number | undefined;
  /**
   * Whether later requests are answered with 204, which tells EventSource to stop for good. Default
   * false.
   */
  readonly final?: boolean | undefined;
}

const MIB = 1024 * 1024;

/** What each option of a hub may be, and is by default. */
const hubOptions = {
  log: (value: unknown): Log | undefined => {
    if (value === undefined || isLog(value)) return value;
    throw new TypeError(`log ${quote(value)}: must be a log, as redisLog() or natsLog() gives it`);
  },
  requestQueueSize: (value: unknown) => integer('requestQueueSize', value, 10, 1),
  clientQueueSize: (value: unknown) => bound('clientQueueSize', value, 1000),
  clientQueueBytes: (value: unknown) => bound('clientQueueBytes', value, MIB),
  concurrency: (value: unknown) => bound('concurrency', value, 10),
  sendTimeout: (value: unknown) => delay('sendTimeout', value, 10_000),
  slowClient: (value: unknown) => oneOf('slowClient', value, ['disconnect', 'skip']),
  history: (value: unknown = {}) => {
    if (value === false) return { events: 0, bytes: 0, age: Infinity };
    const { events, bytes, age } = record(
      'history',
      value,
      ['events', 'bytes', 'age'],
      ', or false',
    );
    return {
      events: integer('history.events', events, 1000, 0),
      bytes: integer('history.bytes', bytes, 16 * MIB, 0),
      age: span('history.age', age),
    };
  },
  keepAlive: (value: unknown) => value !== false && delay('keepAlive', value, 15_000, ', or false'),
  retry: (value: unknown) =>
    value !== false &&
    integer('retry', value, 3000, 0, { most: MAX_DELAY, alternative: ', or false' }),
  gapEvent: (value: unknown) => eventType('gapEvent', value, 'gap'),
  readyEvent: (value: unknown) => eventType('readyEvent', value, false),
  maxAge: (value: unknown) => span('maxAge', value),
  maxClients: (value: unknown) => bound('maxClients', value, Infinity),
  maxClientsPerKey: (value: unknown) => bound('maxClientsPerKey', value, Infinity),
  refuse: (value: unknown) => oneOf('refuse', value, ['retry', 'status']),
  serialize: (value: unknown = JSON.stringify): Serialize => {
    if (typeof value === 'function') return value as Serialize;
    throw new TypeError(`serialize ${quote(value)}: must be a function`);
  },
  logger: (value: unknown): Logger | undefined => {
    if (value === undefined || isLogger(value)) return value;
    throw new TypeError(`logger ${quote(value)}: must have the methods info and warn`);
  },
} satisfies Readers<HubOptions>;

/** The options of a hub, checked, with the defaults filled in. */
export type HubSettings = Settings<typeof hubOptions>;

/** The names of all options of a hub. */
export const HUB_OPTIONS = Object.keys(hubOptions);

/**
 * Checks the options and fills in the defaults.
 *
 * Throws a TypeError or a RangeError that names the option, quotes the value and says what is
 * right; also for an option that there is none of.
 */
export function readHubOptions(options: HubOptions): HubSettings {
  return readOptions('options', options, hubOptions);
}

const closeOptions = {
  timeout: (value: unknown) => delay('timeout', value, 5000),
  final: (value: unknown) => flag('final', value, false),
} satisfies Readers<CloseOptions>;

/** The options of `close`, checked, with the defaults filled in. */
export type CloseSettings = Settings<typeof closeOptions>;

/** Checks the options of `close` as `readHubOptions` does a hub's. */
export function readCloseOptions(options: CloseOptions): CloseSettings {
  return readOptions('close options', options, closeOptions);
}

function isLog(value: unknown): value is Log {
  const { follow, append } = (value ?? {}) as Partial<Log>;
  return typeof follow === 'function' && typeof append === 'function';
}

function isLogger(value: unknown): value is Logger {
  if (typeof value !== 'object' || value === null) return false;
  const { info, warn } = value as Partial<Logger>;
  return typeof info === 'function' && typeof warn === 'function';
}
