import { quote } from './errors.js';
import type { OfRequest } from './request.js';
import { integer, record } from './validate.js';

/**
 * Where the stream of a client without a Last-Event-ID starts.
 *
 * - `'now'`: with the next event.
 * - `'earliest'`: with the oldest event for the client that is kept.
 * - `{ last: n }`: with the newest `n` events for the client.
 * - `{ after: id }`: behind the event with this id, as if it were the client's Last-Event-ID.
 * - `'state'`: with the newest event of each `conflate` key that is kept, and then with all that follows.
 */
export type Start =
  | 'now'
  | 'earliest'
  | 'state'
  | { readonly last: number }
  | { readonly after: string };

/** The same, or a function of the request that gives it: undefined is `'now'`. */
export type StartOption = Start | OfRequest<Start | undefined | Promise<Start | undefined>>;

const FORMS =
  "must be 'now', 'earliest', 'state', { last: n }, { after: id } or a function of the request";

/** Throws a TypeError or RangeError for what says of no place. */
export function checkStart(start: unknown): Start {
  if (start === undefined) return 'now';
  if (start === 'now' || start === 'earliest' || start === 'state') return start;
  if (typeof start !== 'object' || start === null || Symbol.iterator in start) {
    throw new TypeError(`start ${quote(start)}: ${FORMS}`);
  }
  const { last, after } = record('start', start, ['last', 'after']);
  if ((last === undefined) === (after === undefined)) {
    throw new TypeError(`start ${quote(start)}: ${FORMS}`);
  }
  if (last !== undefined) return { last: integer('start.last', last, 0, 0) };
  if (typeof after === 'string' && after !== '') return { after };
  throw new TypeError(
    `start.after ${quote(after)}: must be the id of an event, a non-empty string`,
  );
}

export function checkStartOption(start: unknown): StartOption {
  return typeof start === 'function' ? (start as StartOption) : checkStart(start);
}
