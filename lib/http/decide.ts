import type { Attachment } from '../client/admission.js';
import type { Entry, Refusal } from '../client/entry.js';
import { checkRooms } from '../client/rooms.js';
import { quote } from '../errors.js';
import type { EventHub } from '../hub.js';
import { disregard } from '../util/disregard.js';
import { acceptsEventStream } from './accept.js';
import { addressOf } from './address.js';
import { claimConnection, releaseConnection } from './connection.js';
import type { Request, RouteRequest } from './message.js';
import type { RouteSettings } from './route-options.js';

/** How a request is to be answered. Not at all where the client has left. */
export type Decision =
  | { readonly answer: 'head' | 'not acceptable' | 'not allowed' | 'none' }
  | { readonly answer: 'refusal'; readonly reason: Refusal }
  | { readonly answer: 'stream'; readonly attachment: Attachment };

/** A decision that has to be waited for. The client's place is free as soon as `leave` is called. */
export interface PendingDecision {
  readonly decision: Promise<Decision>;
  readonly leave: () => void;
}

/** The methods that a stream may be the answer to. */
export const METHODS = ['GET', 'HEAD', 'POST'];

/**
 * Decides on a request, without its response: by its method and Accept header, the hub's limits and the state
 * of its log. The client of a stream is counted as connected from here on, until `attachment.left` is
 * called.
 *
 * Returns at once where nothing has to be waited for. Throws, or rejects with, what the route's
 * functions throw, and a TypeError or RangeError for rooms and a key that are none.
 */
export function decide(
  hub: EventHub,
  req: Request,
  route: RouteSettings,
): Decision | PendingDecision {
  if (!METHODS.includes(req.method ?? '')) return { answer: 'not allowed' };
  if (req.method === 'HEAD') return { answer: 'head' };
  if (!acceptsEventStream(req.headers.accept)) return { answer: 'not acceptable' };
  const lastEventId = readLastEventId(req);
  const entry = hub.admission.enter(() => readKey(req, route), lastEventId);
  if (typeof entry === 'string') return { answer: 'refusal', reason: entry };
  return new Opening(hub, req, route, entry, lastEventId).decide();
}

/** A request whose client has a place, on the way to its stream. */
class Opening {
  readonly #hub: EventHub;
  readonly #req: Request;
  readonly #route: RouteSettings;
  readonly #entry: Entry;
  readonly #lastEventId: string | undefined;

  constructor(
    hub: EventHub,
    req: Request,
    route: RouteSettings,
    entry: Entry,
    lastEventId: string | undefined,
  ) {
    this.#hub = hub;
    this.#req = req;
    this.#route = route;
    this.#entry = entry;
    this.#lastEventId = lastEventId;
  }

  decide(): Decision | PendingDecision {
    if (!claimConnection(this.#req, this.#entry)) return this.#refuse('connection');
    try {
      const { rooms = [] } = this.#route;
      const given = typeof rooms === 'function' ? rooms(this.#req as RouteRequest) : rooms;
      const placed = Array.isArray(given)
        ? this.#place(given)
        : Promise.resolve(given).then((later) => this.#place(later));
      if (!(placed instanceof Promise)) return placed;
      const leave = () => {
        this.#leave();
        this.#entry.interrupt('left');
      };
      return { decision: this.#unlessInterrupted(placed), leave };
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  #place(given: unknown): Decision | Promise<Decision> {
    const rooms = checkRooms(given, this.#hub.limits);
    const waited = this.#hub.admission.catchUp(this.#lastEventId);
    if (waited === undefined) return this.#settle(rooms);
    return waited.then((refusal) => this.#settle(rooms, refusal));
  }

  #settle(rooms: readonly string[], unreachable?: Refusal): Decision {
    // The hub may have been closed meanwhile, or its log be lost.
    const reason = unreachable ?? this.#hub.admission.refusal(this.#lastEventId);
    if (reason !== undefined) return this.#refuse(reason);
    return {
      answer: 'stream',
      attachment: {
        lastEventId: this.#lastEventId,
        rooms,
        types: this.#route,
        attached: (cursor) => {
          this.#hub.admission.opened(this.#entry);
          if (isBehindProxy(this.#req)) this.#entry.cursor = cursor;
        },
        replayed: (bytes) => this.#entry.replayed(bytes),
        left: () => this.#leave(),
      },
    };
  }

  async #unlessInterrupted(placed: Promise<Decision>): Promise<Decision> {
    try {
      const decision = await this.#hub.admission.wait(this.#entry, placed);
      if (typeof decision !== 'string') return decision;
      if (decision === 'left') return { answer: 'none' };
      return this.#refuse(decision);
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  #refuse(reason: Refusal): Decision {
    if (reason === 'timeout') {
      const message = 'a client was rejected: its rooms, or the log, took longer than openTimeout';
      this.#hub.logger.unheard('openTimeout', message);
    }
    this.#leave();
    return { answer: 'refusal', reason };
  }

  #leave(): void {
    this.#entry.leave();
    releaseConnection(this.#req, this.#entry);
  }
}

/** Undefined: no limit per key is for this client. */
function readKey(req: Request, { key = addressOf }: RouteSettings): string | undefined {
  const read: unknown = key(req as RouteRequest);
  if (read === undefined || (typeof read === 'string' && read !== '')) return read;
  disregard(read);
  throw new TypeError(
    `key ${quote(read)}: must be a non-empty string, or undefined for a client without a limit`,
  );
}

/**
 * Whether the connection is that of a proxy, which is there even if the client is not. A peer that lost its
 * power must not be written to before its time: TCP would keep its connection for minutes.
 */
function isBehindProxy({ headers }: Request): boolean {
  return ['x-forwarded-for', 'forwarded', 'via'].some((name) => headers[name] !== undefined);
}

/**
 * The header, or the query parameter of clients that can't set headers. Some of them append it to a URL that has
 * it already, or behind a second question mark.
 */
function readLastEventId({ headers, url = '' }: Request): string | undefined {
  const header = headers['last-event-id'];
  if (header) return String(header);
  const [, ...query] = url.split('?');
  return new URLSearchParams(query.join('&')).getAll('lastEventId').at(-1);
}
