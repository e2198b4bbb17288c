import { quote } from './errors.js';
import type { Serialize } from './frame.js';
import { type HistoryOptions, readHistory } from './history.js';
import type { Log } from './log/log.js';
import { checkStartOption, type StartOption } from './start.js';
import type { Logger } from './util/logger.js';
import {
  bound,
  delay,
  eventType,
  flag,
  functionOr,
  integer,
  MAX_DELAY,
  oneOf,
  type Readers,
  readOptions,
  type Settings,
  span,
} from './validate.js';

/** The options of a hub. All of them are optional. */
export interface HubOptions {
  /**
   * The log that keeps the events. `redisLog` and `natsLog` share one among many processes. Each hub takes
   * a log object of its own. Default: the memory of this process.
   */
  readonly log?: Log | undefined;
  /**
   * How many events may be accepted before every writable client has been offered them. A further send
   * waits. An integer from 1. Default 10.
   */
  readonly requestQueueSize?: number | undefined;
  /**
   * How many events may be accepted for a client while it is blocked, before it counts as slow. An integer
   * from 1, or `Infinity` to turn the bound off. Default 1000.
   */
  readonly clientQueueSize?: number | undefined;
  /**
   * The same in bytes. One event alone never exceeds the bound, however large it is. An integer from 1, or
   * `Infinity` to turn the bound off. Default 1 MiB (1 048 576).
   */
  readonly clientQueueBytes?: number | undefined;
  /**
   * How many responses are written in one turn of the event loop, at most: all other work of the process gets
   * its turn in between. A turn in which writing takes longer than 0.5 ms ends earlier. An integer from 1, or
   * `Infinity`. Default 64.
   */
  readonly concurrency?: number | undefined;
  /**
   * How long a client may be blocked before it counts as slow, in ms. Where more than 1 000 000 bytes may
   * still be unread, it has this time for each 1 000 000. Also how long the log may store nothing before
   * sends that wait for it reject. A number above 0, at most 2 147 483 647. Default 10 000.
   */
  readonly sendTimeout?: number | undefined;
  /**
   * What happens to a slow client.
   *
   * - `'disconnect'` (the default): the client is evicted. EventSource reconnects with its Last-Event-ID and
   *   gets the rest from the history.
   * - `'skip'`: the client stays, and the log's events that wait for it are dropped. Once it is writable again,
   *   it receives a gap event.
   */
  readonly slowClient?: 'disconnect' | 'skip' | undefined;
  /**
   * How much of the past is kept for clients that reconnect. `false` keeps no more than what connected
   * clients still need. Default `{ events: 1000, bytes: 16 MiB, room: { events: 100 } }`.
   */
  readonly history?: HistoryOptions | false | undefined;
  /**
   * Where the streams of clients without a Last-Event-ID start: `'now'`, `'earliest'`, `{ last: n }`, `{ after: id }`,
   * `'state'`, or a function of the request that returns one of these, or a promise of one. A route may have another
   * one. Default `'now'`.
   */
  readonly start?: StartOption | undefined;
  /**
   * After how long a client to which nothing was written gets a heartbeat, in ms, so that proxies keep the
   * connection. Between two heartbeats TCP probes whether the peer is still there, which takes 13 s: with a
   * shorter time, a dead peer is noticed only after many minutes. A number above 0, at most
   * 2 147 483 647; `false` turns heartbeats off. Default 15 000.
   */
  readonly keepAlive?: number | false | undefined;
  /**
   * How long clients wait before they reconnect, in ms: sent as `retry:` when a stream opens. An integer
   * from 0 to 2 147 483 647; `false` leaves it to the client. Default 3000. After `close()`, clients wait
   * between once and twice as long, each its own time (3000 to 6000 where this is 0 or false).
   */
  readonly retry?: number | false | undefined;
  /**
   * The type of the event that notifies a client of what it missed. Its data is
   * `{ "reason": string, "missed"?: number }`. `false` sends none. Default `'gap'`.
   */
  readonly gapEvent?: string | false | undefined;
  /**
   * The type of the event that every stream begins with. It gives the client its place, so that one that
   * is cut off before its first event resumes there. Its data is
   * `{ "heartbeat": number | false, "resumed": boolean, "live"?: string }`: the interval of the heartbeat events in ms,
   * whether the stream goes on where the client's Last-Event-ID says, and the `liveEvent`, if there is one. EventSource shows it to those
   * alone who listen for it. `false` sends none: a client that is cut off before its first event then
   * starts anew. Default `'ready'`.
   */
  readonly readyEvent?: string | false | undefined;
  /**
   * The type of the event that a quiet client gets every `keepAlive` ms. Its data is `{}`, and its id keeps
   * the client's place fresh. EventSource shows it to those alone who listen for it. `false` keeps the
   * connection open with a comment instead, which no client shows. Default `'heartbeat'`.
   */
  readonly heartbeatEvent?: string | false | undefined;
  /**
   * The type of the event that tells a client, once, that it has everything there was when it connected. Its data is
   * `{ "resumed": boolean, "missed"?: number }`: whether the stream goes on where the client's Last-Event-ID says, and
   * how many events were lost before, where that is known. Default `false`: none.
   */
  readonly liveEvent?: string | false | undefined;
  /**
   * How long a stream may last, in ms, so that clients spread over new servers behind a load balancer. Each
   * stream is ended after 80 to 100 % of it, and its client reconnects where it was. A number above 0, at
   * most 2 147 483 647, or `Infinity`, the default.
   */
  readonly maxAge?: number | undefined;
  /**
   * How many clients may be connected. Further clients are rejected as `refuse` says. An integer from 1, or
   * `Infinity`, the default.
   */
  readonly maxClients?: number | undefined;
  /**
   * How many clients with the same key may be connected. The key is the client's address, unless the route
   * has a `key`. Further clients are rejected as `refuse` says, and those of the key that came through a
   * proxy get heartbeats soon, so that the places of those who have left are free. An integer from 1, or
   * `Infinity`, the default.
   */
  readonly maxClientsPerKey?: number | undefined;
  /**
   * How many bytes of events that they have missed the clients with the same key may receive within a minute.
   * Those that reconnect with a Last-Event-ID after that are rejected as `refuse` says, until the minute is over.
   * An integer from 1, or `Infinity`. Default 1 073 741 824 (1 GiB).
   */
  readonly maxReplayBytes?: number | undefined;
  /**
   * How many rooms a client may be in, and an event be for. An integer from 1, or `Infinity`. Default 1000.
   */
  readonly maxRooms?: number | undefined;
  /** How many characters the name of a room may have. An integer from 1, or `Infinity`. Default 256. */
  readonly maxRoomLength?: number | undefined;
  /**
   * How many bytes an event may have, with the names of its fields. An integer from 1, or `Infinity`. Default
   * 16 777 216 (16 MiB).
   */
  readonly maxEventBytes?: number | undefined;
  /**
   * How long a route's `rooms` may take, in ms, together with what a shared log takes to catch up. The client is
   * rejected then, as `refuse` says, and the hub's logger receives a line. A number above 0, at most 2 147 483 647, or `Infinity`. Default
   * 10 000.
   */
  readonly openTimeout?: number | undefined;
  /**
   * How clients are rejected while the hub is full or closing, its log is unreachable, or there are too many
   * with their key.
   *
   * - `'retry'` (the default): with a stream that says when to reconnect, and ends. EventSource obeys.
   * - `'status'`: with 503, or 429 for the key, and Retry-After. EventSource never reconnects after that.
   */
  readonly refuse?: 'retry' | 'status' | undefined;
  /** Turns data that is neither a string nor bytes into text. Default `JSON.stringify`. */
  readonly serialize?: Serialize | undefined;
  /**
   * Receives a line for each client that connects, disconnects or is slow, and for what happens to the log.
   * Default: none.
   */
  readonly logger?: Logger | undefined;
}

/** The options of `close`. */
export interface CloseOptions {
  /**
   * How long clients may take to receive what was accepted, in ms. A number above 0, at most 2 147 483 647.
   * Default 5000.
   */
  readonly timeout?: number | undefined;
  /**
   * Whether later requests are answered with 204, which tells EventSource to stop for good. Default
   * false.
   */
  readonly final?: boolean | undefined;
}

/** The options of `drain`. */
export interface DrainOptions {
  /**
   * How long streams may last on, in ms, that are busy: those that `sendFrom` sends to, and those of running answers.
   * A number above 0, at most 2 147 483 647. Default 10 000.
   */
  readonly timeout?: number | undefined;
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
  concurrency: (value: unknown) => bound('concurrency', value, 64),
  sendTimeout: (value: unknown) => delay('sendTimeout', value, 10_000),
  slowClient: (value: unknown) => oneOf('slowClient', value, ['disconnect', 'skip']),
  history: readHistory,
  keepAlive: (value: unknown) => value !== false && delay('keepAlive', value, 15_000, ', or false'),
  retry: (value: unknown) =>
    value !== false &&
    integer('retry', value, 3000, 0, { most: MAX_DELAY, alternative: ', or false' }),
  gapEvent: (value: unknown) => eventType('gapEvent', value, 'gap'),
  readyEvent: (value: unknown) => eventType('readyEvent', value, 'ready'),
  heartbeatEvent: (value: unknown) => eventType('heartbeatEvent', value, 'heartbeat'),
  liveEvent: (value: unknown) => eventType('liveEvent', value, false as const),
  start: (value: unknown): StartOption => checkStartOption(value),
  maxAge: (value: unknown) => span('maxAge', value),
  maxClients: (value: unknown) => bound('maxClients', value, Infinity),
  maxClientsPerKey: (value: unknown) => bound('maxClientsPerKey', value, Infinity),
  maxReplayBytes: (value: unknown) => bound('maxReplayBytes', value, 1024 * MIB),
  maxRooms: (value: unknown) => bound('maxRooms', value, 1000),
  maxRoomLength: (value: unknown) => bound('maxRoomLength', value, 256),
  maxEventBytes: (value: unknown) => bound('maxEventBytes', value, 16 * MIB),
  openTimeout: (value: unknown) => span('openTimeout', value, 10_000),
  refuse: (value: unknown) => oneOf('refuse', value, ['retry', 'status']),
  serialize: (value: unknown) => functionOr<Serialize>('serialize', value, JSON.stringify),
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
 * Throws a TypeError or a RangeError that names the option, quotes the value and says what is right; also
 * for an unknown option.
 */
export function readHubOptions(options: HubOptions): HubSettings {
  return readOptions('options', options, hubOptions);
}

const closeOptions = {
  timeout: (value: unknown) => delay('timeout', value, 5000),
  final: (value: unknown) => flag('final', value, false),
} satisfies Readers<CloseOptions>;

const drainOptions = {
  timeout: (value: unknown) => delay('timeout', value, 10_000),
} satisfies Readers<DrainOptions>;

/** Checks the options of `drain` as `readHubOptions` does a hub's. */
export function readDrainOptions(options: DrainOptions): Settings<typeof drainOptions> {
  return readOptions('drain options', options, drainOptions);
}

/** The options of `close`, checked, with the defaults filled in. */
export type CloseSettings = Settings<typeof closeOptions>;

/** Checks the options of `close` as `readHubOptions` does a hub's. */
export function readCloseOptions(options: CloseOptions): CloseSettings {
  return readOptions('close options', options, closeOptions);
}

/** Whether a value is a log, as far as can be seen. */
export function isLog(value: unknown): value is Log {
  const { follow, append } = (value ?? {}) as Partial<Log>;
  return typeof follow === 'function' && typeof append === 'function';
}

function isLogger(value: unknown): value is Logger {
  if (typeof value !== 'object' || value === null) return false;
  const { info, warn } = value as Partial<Logger>;
  return typeof info === 'function' && typeof warn === 'function';
}
