import type { Client } from '../client/client.js';
import { checkRooms } from '../client/rooms.js';
import { quote } from '../errors.js';
import type { AnyEvents } from '../publisher.js';
import { eventType, type Readers, readOptions, type Settings } from '../validate.js';
import { checkHeaders, type Headers } from './head.js';
import type { RouteRequest } from './message.js';

/** A function of the request, which may be declared with another type of request as well. */
type OfRequest<Result> = { of(req: RouteRequest): Result }['of'];

/** The options of one route. All of them are optional. */
export interface OpenOptions<Events extends object = AnyEvents> {
  /**
   * Response headers beside those of an event stream, or instead of them: an object from name to
   * value. Default: none.
   */
  readonly headers?: Headers | undefined;
  /**
   * The rooms that a client is in from the start: a list, or a function of the request that returns
   * one, or a promise of one. What the function throws goes to `next`, and no stream is opened. It may take the
   * hub's `openTimeout`. Default: none.
   */
  readonly rooms?:
    | readonly string[]
    | OfRequest<readonly string[] | Promise<readonly string[]>>
    | undefined;
  /**
   * Called with each client whose stream was opened. What the function sends to the client precedes
   * all events that are accepted later. What it throws goes to the hub's logger, and the stream goes
   * on. Default: none.
   */
  readonly onConnect?: { on(client: Client<Events>, req: RouteRequest): unknown }['on'] | undefined;
  /**
   * The key that a client is counted under for `maxClientsPerKey` and `maxReplayBytes`: a function of the request
   * that returns a non-empty string, or undefined for a client that neither limit is for. What the function throws
   * goes to `next`, and no stream is opened. Default: Express's `req.ip`, or the address of the connection; of an
   * IPv6 address, the first 64 bits.
   */
  readonly key?: OfRequest<string | undefined> | undefined;
  /** The hub's `readyEvent`, for this route alone. Default: the hub's. */
  readonly readyEvent?: string | false | undefined;
  /** The hub's `heartbeatEvent`, for this route alone. Default: the hub's. */
  readonly heartbeatEvent?: string | false | undefined;
}

const routeOptions = {
  headers: (value: unknown) => checkHeaders(value),
  rooms: (value: unknown): OpenOptions['rooms'] =>
    value === undefined || typeof value === 'function'
      ? (value as OpenOptions['rooms'])
      : checkRooms(value),
  onConnect: (value: unknown) => optionalFunction<OpenOptions['onConnect']>('onConnect', value),
  key: (value: unknown) => optionalFunction<OpenOptions['key']>('key', value),
  readyEvent: (value: unknown) => eventType('readyEvent', value, undefined),
  heartbeatEvent: (value: unknown) => eventType('heartbeatEvent', value, undefined),
} satisfies Readers<OpenOptions>;

/** The options of a route, checked. */
export type RouteSettings = Settings<typeof routeOptions>;

/** The names of all options of a route. */
export const ROUTE_OPTIONS = Object.keys(routeOptions);

const checked = new WeakSet<object>();

/** Checks the options once for all requests: `readRouteOptions` takes the result as it is. */
export function prepareRoute(options: OpenOptions): RouteSettings {
  const settings = Object.freeze(readRouteOptions(options));
  checked.add(settings);
  return settings;
}

/** Checks the options. Throws a TypeError that names the option for a bad one. */
export function readRouteOptions(options: OpenOptions): RouteSettings {
  if (checked.has(options)) return options as RouteSettings;
  return readOptions('open options', options, routeOptions);
}

function optionalFunction<Value>(name: string, value: unknown): Value {
  if (value === undefined || typeof value === 'function') return value as Value;
  throw new TypeError(`${name} ${quote(value)}: must be a function`);
}
