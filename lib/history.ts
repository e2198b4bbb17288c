import { integer, record, span } from './validate.js';

/** How much of the past a hub keeps for clients that reconnect. Each bound holds by itself. */
export interface HistoryOptions {
  /** How many events, an integer from 0. Default 1000. */
  readonly events?: number | undefined;
  /**
   * How many bytes, an integer from 0. An event counts its bytes on the wire, and 200 bytes for the
   * objects around it in memory. Default 16 MiB (16 777 216).
   */
  readonly bytes?: number | undefined;
  /** For how long, in ms. A number above 0, at most 2 147 483 647, or `Infinity`, the default. */
  readonly age?: number | undefined;
  /**
   * How much each room keeps of its own events when they are beyond `events` or `age`. `bytes` bounds all together:
   * the rooms that keep the most give first. A shared log keeps the rooms' histories itself.
   */
  readonly room?: RoomHistoryOptions | undefined;
}

/** How much of its past a room keeps. Each bound holds by itself. */
export interface RoomHistoryOptions {
  /** How many events, an integer from 0. Default 100, or the hub's `events` where that is less. */
  readonly events?: number | undefined;
  /**
   * For how long, in ms. A number above 0, at most 2 147 483 647, or `Infinity`. Default: as long as all other events.
   */
  readonly age?: number | undefined;
}

/** The history, checked, with the defaults filled in. */
export interface HistorySettings {
  readonly events: number;
  readonly bytes: number;
  readonly age: number;
  readonly room: { readonly events: number; readonly age: number };
}

const BYTES = 16 * 1024 * 1024;
const ROOM_EVENTS = 100;
const NONE = { events: 0, bytes: 0, age: Infinity, room: { events: 0, age: Infinity } };

/** Throws a TypeError or a RangeError that names the bound for a bad one. */
export function readHistory(value: unknown = {}): HistorySettings {
  if (value === false) return NONE;
  const given = record('history', value, ['events', 'bytes', 'age', 'room'], ', or false');
  const events = integer('history.events', given.events, 1000, 0);
  const age = span('history.age', given.age);
  const room = record('history.room', given.room ?? {}, ['events', 'age']);
  return {
    events,
    bytes: integer('history.bytes', given.bytes, BYTES, 0),
    age,
    room: {
      events: integer('history.room.events', room.events, Math.min(ROOM_EVENTS, events), 0),
      age: span('history.room.age', room.age, age),
    },
  };
}
