import { checkRooms, type RoomLimits } from '../client/rooms.js';
import { quote } from '../errors.js';
import { record } from '../validate.js';

/** The options of `hub.subscribe`. */
export interface SubscribeOptions {
  /** The rooms to listen to: their events, and those for all clients. Default: all events, whatever rooms they are for. */
  readonly rooms?: readonly string[] | undefined;
  /**
   * The id of an event: the listener is called with what follows it, as far as it is kept, and with a gap event for what is
   * not. Default: with what is sent from now on.
   */
  readonly after?: string | undefined;
}

/** Throws a TypeError or RangeError for what can't be subscribed with. */
export function readSubscription(
  listener: unknown,
  options: SubscribeOptions,
  limits: RoomLimits,
): SubscribeOptions {
  if (typeof listener !== 'function') {
    throw new TypeError(`subscribe listener ${quote(listener)}: must be a function`);
  }
  const { rooms, after } = record('subscribe options', options, ['rooms', 'after']);
  if (after !== undefined && (typeof after !== 'string' || after === '')) {
    throw new TypeError(`after ${quote(after)}: must be the id of an event, a non-empty string`);
  }
  return { rooms: rooms === undefined ? undefined : checkRooms(rooms, limits), after };
}
