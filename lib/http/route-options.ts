import type { Client } from '../client/client.js';
import { checkRooms } from '../client/rooms.js';
import type { AnyEvents } from '../publisher.js';
import type { OfRequest, RouteRequest } from '../request.js';
import { checkStartOption, type StartOption } from '../start.js';
import { eventType, functionOr, type Readers, readOptions, type Settings } from '../validate.js';
import { checkHeaders, type Headers } from './head.js';

/** A function of a client and its request, which may be declared with other types of them as well. */
type OfClient<Events extends object, Data, Result> = {
  of(client: Client<Events, Data>, req: RouteRequest): Result;
}['of'];

/** The options of one route. All of them are optional. */
export interface OpenOptions<Events extends object = AnyEvents, Data = unknown> {
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
  readonly onConnect?: OfClient<Events, Data, unknown> | undefined;
  /**
   * What the client's `data` is: a function of the request that returns it, or a promise of it. What the function throws
   * goes to `next`, and no stream is opened. It may take the hub's `openTimeout`. Default: none, and `client.data` is
   * undefined.
   */
  readonly data?: OfRequest<Data | Promise<Data>> | undefined;
  /** The hub's `start`, for this route alone. What a function throws goes to `next`. Default: the hub's. */
  readonly start?: StartOption | undefined;
  /**
   * Sends a client the present state before all events: a function of the client and the request, that returns a promise.
   * The client's place is taken first. Nothing of the log is sent until the promise resolves, and then everything from
   * that place on: what happens meanwhile is neither lost nor overtaken. It is called for each client but those that go on
   * where they were without a gap.
   *
   * Where it rejects, or sends nothing for the hub's `sendTimeout`, or where more events wait for the client meanwhile than
   * `clientQueueSize` and `clientQueueBytes` allow, the client is cut off. It reconnects then, and gets another one.
   * Default: none.
   */
  readonly snapshot?: OfClient<Events, Data, Promise<unknown>> | undefined;
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
  /** The hub's `liveEvent`, for this route alone. Default: the hub's. */
  readonly liveEvent?: string | false | undefined;
}

const routeOptions = {
  headers: (value: unknown) => checkHeaders(value),
  rooms: (value: unknown): OpenOptions['rooms'] =>
    value === undefined || typeof value === 'function'
      ? (value as OpenOptions['rooms'])
      : checkRooms(value),
  onConnect: (value: unknown) => optionalFunction<OpenOptions['onConnect']>('onConnect', value),
  key: (value: unknown) => optionalFunction<OpenOptions['key']>('key', value),
  data: (value: unknown) => optionalFunction<OpenOptions['data']>('data', value),
  start: (value: unknown) => (value === undefined ? undefined : checkStartOption(value)),
  snapshot: (value: unknown) => optionalFunction<OpenOptions['snapshot']>('snapshot', value),
  liveEvent: (value: unknown) => eventType('liveEvent', value, undefined),
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

function optionalFunction<Value>(name: string, value: unknown): Value | undefined {
  return functionOr<Value | undefined>(name, value, undefined);
}
