import { quote } from '../errors.js';
import type { Serialize } from '../frame.js';
import { checkHeaders, type Headers } from '../http/head.js';
import type { Log } from '../log/log.js';
import { type HubOptions, isLog } from '../options.js';
import type { OfRequest } from '../request.js';
import type { Logger } from '../util/logger.js';
import {
  delay,
  functionOr,
  integer,
  type Readers,
  readOptions,
  type Settings,
} from '../validate.js';

/**
 * What becomes of an answer.
 *
 * - `'running'`: its producer sends.
 * - `'done'`: its producer has ended it.
 * - `'stopped'`: it was stopped, in whatever process.
 * - `'failed'`: its source threw, a bound was hit, or its process is gone.
 */
export type AnswerStatus = 'running' | 'done' | 'stopped' | 'failed';

/** How an answer ends. */
export interface AnswerEnd {
  readonly status: Exclude<AnswerStatus, 'running'>;
  /**
   * Why it has failed: what `fail` was given, or `'error'` (its source threw), `'too large'`, `'too long'`, `'lost'` (its
   * process is gone, or its log has lost it) or `'shutdown'`. Undefined where it has not failed.
   */
  readonly reason?: string | undefined;
}

/** An event as a reader receives it. */
export interface AnswerEventFields {
  /** Default `'message'`. */
  readonly type?: string | undefined;
  readonly data?: unknown;
}

/** The options of `createAnswers`. All of them are optional. */
export interface AnswersOptions
  extends Pick<
    HubOptions,
    | 'heartbeatEvent'
    | 'keepAlive'
    | 'liveEvent'
    | 'maxClients'
    | 'maxClientsPerKey'
    | 'readyEvent'
    | 'refuse'
    | 'retry'
    | 'sendTimeout'
  > {
  /**
   * The log that keeps the answers: `redisLog` or `natsLog`, of its own prefix, so that any process can read and stop them.
   * A list of logs spreads the answers over them by their ids: every process reads all that is written to a log, and has to
   * have the same list. Default: the memory of this process.
   */
  readonly log?: Log | readonly [Log, ...Log[]] | undefined;
  /** For how long an answer is kept after its end, in ms. A number above 0, at most 2 147 483 647. Default 600 000. */
  readonly keep?: number | undefined;
  /**
   * How many bytes an answer may have, as UTF-8. The chunk that is too much ends it as failed. An integer from 1. Default
   * 1 MiB (1 048 576).
   */
  readonly maxBytes?: number | undefined;
  /**
   * How many answers are kept in a log, running ones included. Beyond that the oldest that have ended are dropped, and none
   * may be started while all are running. An integer from 1 to 10 000. Default 1000.
   */
  readonly maxAnswers?: number | undefined;
  /**
   * How long an answer may run, in ms. It fails then. A number above 0, at most 2 147 483 647. Default 3 600 000 (an hour).
   */
  readonly maxTime?: number | undefined;
  /**
   * Text that comes within this time is joined into one event, in ms: the text is the same, the events are fewer. Data that
   * is no text is never joined. An integer from 0 (nothing is joined) to 1000. Default 25.
   */
  readonly every?: number | undefined;
  /**
   * The event that an answer's readers get last, before their streams are ended: a function of the answer's end that returns
   * its type and data. Default: the status as the type, and `{ "reason": string }` or `{}` as the data.
   */
  readonly endEvent?: ((end: AnswerEnd) => AnswerEventFields) | undefined;
  /**
   * The reason of an answer whose source has thrown: a function of the error, whose result all readers see. Default: it
   * returns `'error'`. The error itself goes to the logger.
   */
  readonly onError?: ((error: unknown) => string) | undefined;
  /**
   * Whether a request may read an answer: a function of the request and the answer's id that returns a boolean, or a promise
   * of one. False is answered with 403. Default: everybody who knows the id may.
   */
  readonly authorize?: OfRequestAndId | undefined;
  /** The `key` of a route: what `maxClientsPerKey` counts a reader under. Default: its address. */
  readonly key?: OfRequest<string | undefined> | undefined;
  /** Response headers, beside those of an event stream or instead of them. Default: none. */
  readonly headers?: Headers | undefined;
  /** Turns data that is neither a string nor bytes into text. Default `JSON.stringify`. */
  readonly serialize?: Serialize | undefined;
  /** Receives a line for each reader that connects or disconnects, and for each answer that fails. Default: none. */
  readonly logger?: Logger | undefined;
}

/** A function that may be declared with another type of request as well. */
type OfRequestAndId = {
  of(req: Parameters<OfRequest<unknown>>[0], id: string): boolean | Promise<boolean>;
}['of'];

/** Options that are the hub's, or the route's, and checked there. */
const asItIs = (value: unknown) => value as undefined;

const MIB = 1024 * 1024;

const answersOptions = {
  log: readLogs,
  keep: (value: unknown) => delay('keep', value, 600_000),
  maxBytes: (value: unknown) => integer('maxBytes', value, MIB, 1),
  maxAnswers: (value: unknown) => integer('maxAnswers', value, 1000, 1, { most: 10_000 }),
  maxTime: (value: unknown) => delay('maxTime', value, 3_600_000),
  every: (value: unknown) => integer('every', value, 25, 0, { most: 1000 }),
  endEvent: (value: unknown) =>
    functionOr<(end: AnswerEnd) => AnswerEventFields>('endEvent', value, defaultEndEvent),
  onError: (value: unknown) =>
    functionOr<(error: unknown) => string>('onError', value, () => 'error'),
  authorize: (value: unknown) => functionOr<OfRequestAndId>('authorize', value, () => true),
  headers: (value: unknown) => checkHeaders(value),
  key: asItIs,
  serialize: (value: unknown) => functionOr<Serialize>('serialize', value, JSON.stringify),
  logger: asItIs,
  heartbeatEvent: asItIs,
  keepAlive: asItIs,
  liveEvent: asItIs,
  maxClients: asItIs,
  maxClientsPerKey: asItIs,
  readyEvent: asItIs,
  refuse: asItIs,
  retry: asItIs,
  sendTimeout: asItIs,
} satisfies Readers<AnswersOptions>;

/** The options, checked, with the defaults filled in. */
export type AnswersSettings = Settings<typeof answersOptions>;

/** Checks the options. Throws a TypeError or RangeError that names the option for a bad one. */
export function readAnswersOptions(options: AnswersOptions): AnswersSettings {
  return readOptions('createAnswers options', options, answersOptions);
}

/** A log that knows its rooms. */
export type RoomyLog = Log & Required<Pick<Log, 'readRooms'>>;

function readLogs(value: unknown): readonly (RoomyLog | undefined)[] {
  if (value === undefined) return [undefined];
  const logs: unknown[] = Array.isArray(value) ? value : [value];
  if (logs.length === 0 || new Set(logs).size < logs.length || !logs.every(isLog)) {
    const right = 'must be a log, as redisLog() or natsLog() gives it, or a list of different ones';
    throw new TypeError(`log ${quote(value)}: ${right}`);
  }
  if (logs.every(({ readRooms }) => readRooms !== undefined)) return logs as RoomyLog[];
  throw new TypeError(
    'log: one for answers must have the method readRooms; leave it out for the memory of this process',
  );
}

function defaultEndEvent({ status, reason }: AnswerEnd): AnswerEventFields {
  return { type: status, data: reason === undefined ? {} : { reason } };
}

/** Those of the hub behind answers. The log is the buffer of slow readers: what waits for them is not counted. */
export function hubOptions(settings: AnswersSettings) {
  const { heartbeatEvent, keepAlive, liveEvent, maxClients, maxClientsPerKey } = settings;
  const { readyEvent, refuse, retry, sendTimeout, logger } = settings;
  return {
    ...{ heartbeatEvent, keepAlive, liveEvent, maxClients, maxClientsPerKey },
    ...{ readyEvent, refuse, retry, sendTimeout, logger },
    requestQueueSize: 1000,
    clientQueueSize: Number.POSITIVE_INFINITY,
    clientQueueBytes: Number.POSITIVE_INFINITY,
  };
}
