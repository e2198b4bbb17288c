import { IncomingMessage } from 'node:http';
import { createHub, type Hub } from './create-hub.js';
import { quote } from './errors.js';
import { answerFailure } from './http/fail.js';
import { type OpenOptions, prepareRoute, ROUTE_OPTIONS } from './http/route-options.js';
import { HUB_OPTIONS, type HubOptions } from './options.js';
import type { AnyEvents } from './publisher.js';
import type { Request, Response } from './request.js';
import { record } from './validate.js';

/** What `sse()` puts on `res.locals`. */
export interface SseLocals {
  /** The hub that `sse()` or its `locals()` put here. */
  stream: Hub;
}

declare global {
  namespace Express {
    // Inherited, so that an app may declare the property itself, with the types of its events.
    interface Locals extends SseLocals {}
  }
}

/** The options of a hub and of the one route. All of them are optional. */
export interface SseOptions<Events extends object = AnyEvents, Data = unknown>
  extends HubOptions,
    OpenOptions<Events, Data> {
  /**
   * Mounts this hub instead of making one. The options of a hub can't be given then. Default: a new hub
   * for this route alone.
   */
  readonly hub?: Hub<Events, Data> | undefined;
}

/** Passes a request on, as in Express and Connect. */
export type Next = (error?: unknown) => void;

/** A route that clients connect to, and the hub behind it. */
export interface SseHandler<Events extends object = AnyEvents, Data = unknown> {
  /**
   * Answers the request with the hub's stream, and puts the hub on `res.locals.stream`. Calls `next` only
   * with an error. Without a `next`, as under node:http, the handler answers with the error's status.
   */
  (req: Request, res: Response, next?: Next): void;
  readonly hub: Hub<Events, Data>;
  /**
   * A middleware that puts the hub on `res.locals`, for all routes behind it. The property's name is
   * a non-empty string, `stream` by default. Throws a TypeError for another name.
   */
  locals(name?: string): (req: Request, res: Response, next: Next) => void;
}

/**
 * Makes a route that clients connect to, with a hub that sends them events.
 *
 *     const stream = sse();
 *     app.use(stream.locals());
 *     app.get('/stream', stream);
 *     app.post('/apples', async (req, res) => {
 *       await res.locals.stream.sendEvent('apples', { count: 42 });
 *       res.sendStatus(202);
 *     });
 *
 * The type parameters name the events and their data, and what `client.data` is:
 * `sse<{ tick: number }, { userId: string }>()`.
 *
 * Throws a TypeError or RangeError for a bad option.
 */
export function sse<Events extends object = AnyEvents, Data = unknown>(
  options: SseOptions<Events, Data> = {},
): SseHandler<Events, Data> {
  if (options instanceof IncomingMessage) {
    throw new TypeError("sse is no middleware, it makes one: write app.get('/stream', sse())");
  }
  record('options', options, [...new Set(['hub', ...ROUTE_OPTIONS, ...HUB_OPTIONS])]);
  const { hub: mounted } = options;
  const hubOptions = pick<HubOptions>(options, HUB_OPTIONS);
  const hub = mounted === undefined ? createHub<Events, Data>(hubOptions) : mounted;
  if (mounted !== undefined) checkMounted(mounted, hubOptions);
  const route = prepareRoute(pick<OpenOptions>(options, ROUTE_OPTIONS)) as OpenOptions<
    Events,
    Data
  >;

  function stream(
    req: Request,
    res: Response,
    next: Next = (error) => answerFailure(res, error),
  ): void {
    putOnLocals(res, 'stream', hub);
    hub.open(req, res, route).catch(next);
  }

  function locals(name = 'stream') {
    if (typeof name !== 'string' || name === '') {
      throw new TypeError(`locals name ${quote(name)}: must be a non-empty string`);
    }
    return function sseLocals(_req: Request, res: Response, next: Next): void {
      putOnLocals(res, name, hub);
      next();
    };
  }

  return Object.assign(stream, { hub, locals });
}

function pick<Options>(options: object, names: readonly string[]): Options {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => names.includes(name)),
  ) as Options;
}

function checkMounted(hub: unknown, hubOptions: HubOptions): void {
  if (typeof (hub as Hub | null)?.open !== 'function') {
    throw new TypeError(`hub ${quote(hub)}: must be a hub, as createHub() or sse().hub gives it`);
  }
  const given = Object.entries(hubOptions).filter(
    ([name, value]) => value !== undefined && !ROUTE_OPTIONS.includes(name),
  );
  if (given.length > 0) {
    const names = given.map(([name]) => name).join(', ');
    throw new TypeError(
      `${names}: only for createHub() or sse() without a hub, and one is mounted here`,
    );
  }
}

function putOnLocals(res: Response, name: string, hub: object): void {
  // Express makes the object, Connect and node:http don't.
  const holder = res as { locals?: Record<string, unknown> };
  holder.locals ??= {};
  holder.locals[name] = hub;
}
