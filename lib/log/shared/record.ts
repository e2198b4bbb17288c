import type { LogEntry, LogRecord } from '../log.js';

/** An entry of an engine, without its place. */
export type Decoded = LogRecord & Pick<LogEntry, 'isForeign'>;

/** An entry that no hub has written. It is for no room: nobody gets it, and there is no hole in its place. */
export const FOREIGN: Decoded = {
  fields: Buffer.alloc(0),
  rooms: [],
  conflate: undefined,
  isForeign: true,
};

/** The parts of an entry, of whatever types they are. */
export interface Parts {
  readonly fields: unknown;
  readonly rooms: unknown;
  readonly conflate: unknown;
  readonly except?: unknown;
  readonly isEphemeral?: unknown;
}

/** What an engine holds is input, since other programs may write there as well. */
export function readRecord({ fields, rooms, conflate, except, isEphemeral }: Parts): Decoded {
  if (!Buffer.isBuffer(fields) || !isAbsentOr(isRooms, rooms)) return FOREIGN;
  if (!isAbsentOr(isString, conflate) || !isAbsentOr(isString, except)) return FOREIGN;
  return { fields, rooms, conflate, except, isEphemeral: isEphemeral === true };
}

function isAbsentOr<T>(is: (value: unknown) => value is T, value: unknown): value is T | undefined {
  return value === undefined || is(value);
}

function isRooms(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isString);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}
