import type { Attachment } from '../client/admission.js';
import type { Entry, Refusal } from '../client/entry.js';
import type { Place } from '../client/locator.js';
import { checkRooms, NO_ROOMS } from '../client/rooms.js';
import { quote } from '../errors.js';
import type { EventHub } from '../hub.js';
import type { Request, RouteRequest } from '../request.js';
import { checkStart, type Start } from '../start.js';
import { disregard } from '../util/disregard.js';
import { sooner } from '../util/sooner.js';
import { acceptsEventStream } from './accept.js';
import { addressOf } from './address.js';
import { claimConnection, releaseConnection } from './connection.js';
import { readLastEventId } from './last-event-id.js';
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
  const start = route.start ?? hub.start;
  const mayReplay = Boolean(lastEventId) || start !== 'now';
  const entry = hub.admission.enter(() => readKey(req, route), lastEventId, mayReplay);
  if (typeof entry === 'string') return { answer: 'refusal', reason: entry };
  return new Opening(hub, req, route, entry, lastEventId).decide();
}

/** What a route says of a request: its rooms, its data, and where its stream starts. */
type Said = [rooms: unknown, data: unknown, start: unknown];

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
      const decision = sooner(this.#ask(), (said) => this.#place(said));
      if (!(decision instanceof Promise)) return decision;
      const leave = () => {
        this.#leave();
        this.#entry.interrupt('left');
      };
      return { decision: this.#unlessInterrupted(decision), leave };
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  /** What the route says of the request. Its functions run at the same time. */
  #ask(): Said | Promise<Said> {
    const { rooms = [], data, start = this.#hub.start } = this.#route;
    const said: unknown[] = [];
    try {
      for (const option of [rooms, data, start]) {
        said.push(typeof option === 'function' ? option(this.#req as RouteRequest) : option);
      }
    } catch (error) {
      for (const one of said) disregard(one);
      throw error;
    }
    return said.some(isThenable) ? (Promise.all(said) as Promise<Said>) : (said as Said);
  }

  #place([given, data, where]: Said): Decision | Promise<Decision> {
    const rooms = checkRooms(given, this.#hub.limits);
    const start = checkStart(where);
    const after = typeof start === 'object' && 'after' in start ? start.after : undefined;
    const waited = this.#hub.admission.catchUp(this.#lastEventId || after);
    return sooner(waited, (unreachable) => {
      const refusal = unreachable ?? this.#refusal();
      if (refusal !== undefined) return this.#refuse(refusal);
      const found = this.#find(start, rooms);
      return sooner(found, (place) => this.#settle(place, rooms, data));
    });
  }

  /** The hub may have been closed meanwhile, or its log be lost. */
  #refusal(): Refusal | undefined {
    return this.#hub.admission.refusal(this.#lastEventId);
  }

  /** A client with a gap that gets a snapshot needs nothing of what is left from before. */
  #find(start: Start, rooms: readonly string[]): Place | undefined | Promise<Place | undefined> {
    const anew = this.#route.snapshot !== undefined;
    const own = rooms.length > 0 ? new Set(rooms) : NO_ROOMS;
    const found = this.#hub.locator.find(this.#lastEventId, start, own, anew);
    return found instanceof Promise ? found.catch(() => undefined) : found;
  }

  #settle(place: Place | undefined, rooms: readonly string[], data: unknown): Decision {
    const reason = place === undefined ? 'unreachable' : this.#refusal();
    if (place === undefined || reason !== undefined) return this.#refuse(reason ?? 'unreachable');
    const { snapshot } = this.#route;
    return {
      answer: 'stream',
      attachment: {
        identity: { lastEventId: this.#lastEventId, key: this.#entry.key, data },
        place,
        rooms,
        types: this.#route,
        snapshot: snapshot && ((client) => snapshot(client, this.#req as RouteRequest)),
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
      const message =
        'a client was rejected: its rooms, data or start, or the log, took longer than openTimeout';
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

function isThenable(value: unknown): boolean {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
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
