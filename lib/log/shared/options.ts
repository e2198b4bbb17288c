import { quote } from '../../errors.js';
import { bound, record, span } from '../../validate.js';

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

/**
 * Checks the options, of which there may be `others`. Throws a TypeError or a RangeError that names
 * the option for a bad one.
 */
export function readLogOptions(
  name: string,
  options: SharedLogOptions,
  others: readonly string[] = [],
): SharedLogSettings {
  const known = ['prefix', 'history', ...others];
  const { prefix = 'hub', history = {} } = record(name, options, known);
  if (typeof prefix !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(prefix)) {
    throw new TypeError(`prefix ${quote(prefix)}: must be 1 to 64 characters of A-Z a-z 0-9 _ -`);
  }
  const { events, age } = record('history', history, ['events', 'age']);
  return {
    prefix,
    events: bound('history.events', events, 100_000),
    age: span('history.age', age),
  };
}
