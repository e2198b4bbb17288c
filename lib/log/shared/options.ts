import { quote } from '../../errors.js';
import { bound, delay, integer, record, span } from '../../validate.js';
import type { RoomBounds } from '../log.js';

/**
 * How much a log keeps, for clients that reconnect and nodes that were cut off. Each bound holds by
 * itself.
 */
export interface LogHistoryOptions {
  /** How many events, an integer from 1, or `Infinity`. Default 100 000. */
  readonly events?: number | undefined;
  /** For how long, in ms. A number above 0, at most 2 147 483 647, or `Infinity`, the default. */
  readonly age?: number | undefined;
}

/** The same for a log that keeps a history for each room. */
export interface RoomyLogHistoryOptions extends LogHistoryOptions {
  /** How much each room keeps of its own events when they are beyond these bounds. */
  readonly room?: LogRoomHistoryOptions | undefined;
}

/** How much of its past a room of a shared log keeps. Each bound holds by itself. */
export interface LogRoomHistoryOptions {
  /** How many events, an integer from 0. Default 100, or the log's `events` where that is less. */
  readonly events?: number | undefined;
  /**
   * For how long, in ms; also after how long a room that nothing is sent to is forgotten. A number above 0, at most
   * 2 147 483 647. Default: the log's `age`, or 604 800 000 (a week).
   */
  readonly age?: number | undefined;
}

/** The options of a log that lives in a server. */
export interface SharedLogOptions {
  /**
   * The name of the log: hubs with the same prefix, in whatever process, share it. 1 to 64 characters of
   * `A-Z a-z 0-9 _ -`. Default `'hub'`.
   */
  readonly prefix?: string | undefined;
  /**
   * How much the log keeps. All hubs that share the log should have the same bounds. Default
   * `{ events: 100_000, age: Infinity }`.
   */
  readonly history?: LogHistoryOptions | undefined;
}

/** The options of a log, checked, with the defaults filled in. */
export interface SharedLogSettings {
  readonly prefix: string;
  readonly events: number;
  readonly age: number;
}

const ROOM_EVENTS = 100;
const WEEK = 7 * 24 * 60 * 60 * 1000;

/**
 * Checks the options, of which there may be `others`, also of the history. Throws a TypeError or a RangeError that names
 * the option for a bad one.
 */
export function readLogOptions(
  name: string,
  options: SharedLogOptions,
  others: readonly string[] = [],
  otherBounds: readonly string[] = [],
): SharedLogSettings {
  const known = ['prefix', 'history', ...others];
  const { prefix = 'hub', history = {} } = record(name, options, known);
  if (typeof prefix !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(prefix)) {
    throw new TypeError(`prefix ${quote(prefix)}: must be 1 to 64 characters of A-Z a-z 0-9 _ -`);
  }
  const { events, age } = record('history', history, ['events', 'age', ...otherBounds]);
  return {
    prefix,
    events: bound('history.events', events, 100_000),
    age: span('history.age', age),
  };
}

/**
 * Checks the bounds of each room. Where they are not given, they are what is wanted, or else depend on those of the log.
 * Throws as `readLogOptions` does.
 */
export function readRoomHistory(
  room: unknown = {},
  { events, age }: SharedLogSettings,
  wanted: RoomBounds = {
    events: Math.min(ROOM_EVENTS, events),
    age: Number.isFinite(age) ? age : WEEK,
  },
): RoomBounds {
  const given = record('history.room', room, ['events', 'age']);
  return {
    events: integer('history.room.events', given.events, wanted.events, 0),
    age: delay('history.room.age', given.age, wanted.age),
  };
}
