import type { Client } from './client/client.js';
import type { SubscribeOptions } from './delivery/subscribe-options.js';
import type { HubEvent } from './delivery/subscriptions.js';
import { describe, kindOf } from './errors.js';
import { answerFailure } from './http/fail.js';
import { open } from './http/open.js';
import type { OpenOptions } from './http/route-options.js';
import { EventHub } from './hub.js';
import type { CloseOptions, DrainOptions, HubOptions } from './options.js';
import type { AnyEvents, Publisher, SendOptions } from './publisher.js';
import type { Request, Response } from './request.js';
import type { HubStats } from './stats.js';
import { Outcome } from './util/outcome.js';

/** Sends events to all the clients that are connected to it, over any number of routes. */
export interface Hub<Events extends object = AnyEvents, Data = unknown> extends Publisher<Events> {
  /** The connected clients, by their ids. */
  readonly clients: ReadonlyMap<string, Client<Events, Data>>;
  /** How many clients are connected. */
  readonly size: number;

  /**
   * Answers a request with this hub's stream, as the handler of `sse()` does: for `node:http`,
   * `node:http2`'s compatibility API, or a route of your own.
   *
   * Resolves with the client. Where no client was let in (a HEAD request, another method than GET and POST,
   * an Accept header that excludes event streams, a hub that is full or closing), the request is answered, and
   * `client.signal` is aborted. It is aborted as well where the client had disconnected already.
   *
   * Rejects with an SseError `ERR_SSE_CANNOT_STREAM` where the response can't carry a stream, for instance
   * because its head was sent. Rejects with a TypeError for a bad option, and with what `rooms` or `key` throws. The
   * response is left as it was then; where nobody awaits the promise, it is answered with the error's status.
   */
  open(
    req: Request,
    res: Response,
    options?: OpenOptions<Events, Data>,
  ): Promise<Client<Events, Data>>;

  /**
   * A publisher for the clients in any of these rooms. Each client receives an event once.
   *
   * Throws a TypeError for a room that is not a non-empty string, and a RangeError beyond `maxRooms` and
   * `maxRoomLength`.
   */
  to(room: string, ...rooms: string[]): Publisher<Events>;

  /**
   * The id of the newest event: for a page that is rendered now, or a snapshot that is read after this, and then connects
   * with `?lastEventId=`. Behind a shared log it waits until this process has what was stored before the call. While that
   * log is unreachable, it is the newest event that has come from it.
   *
   * Rejects with an SseError `ERR_SSE_LOG_AWAY` where the log has not been reached since the hub was made.
   */
  position(): Promise<string>;

  /**
   * Calls a function with every event of the log, from whatever process, in the order of the log: with the events for some
   * rooms, or behind an id, where the options say so. One call follows the other; a promise is waited for. A listener that
   * is slow, or throws, harms nobody: the error goes to the hub's logger, and the next event follows. What was dropped from
   * the history before it came to the listener is a gap event, as for clients.
   *
   * Returns a function that ends the subscription; `close()` does as well. Throws a TypeError or RangeError for a bad
   * argument.
   */
  subscribe(listener: (event: HubEvent) => unknown, options?: SubscribeOptions): () => void;

  /** What the hub has done, and is doing. */
  stats(): HubStats;

  /**
   * Resolves when all that was accepted up to now is handed to the clients' sockets, or dropped because a
   * client was slow or disconnected. Never rejects.
   */
  flushed(): Promise<void>;

  /**
   * Ends every stream once its client has what was accepted up to now. The hub stays open, and the
   * clients reconnect.
   */
  leaveAll(): void;

  /**
   * Lets the streams go and keeps the hub open for sends: the first step of a shutdown, while the server still takes
   * requests. New clients are rejected in the way that EventSource understands. Each connected client receives what was
   * accepted and a time of its own to reconnect, and its stream is ended. A stream that is busy, as with `sendFrom`,
   * goes on until that is over.
   *
   * Resolves when no stream is left, after `timeout` at the latest: those that are left then are cut off. Further calls
   * return the same promise. Rejects with a TypeError or RangeError for a bad option, and nothing is changed.
   */
  drain(options?: DrainOptions): Promise<void>;

  /**
   * Closes the hub for good. Sends reject from now on. New clients are rejected in the way that
   * EventSource understands. Each connected client receives what was accepted and a time of its own to
   * reconnect, and every stream is ended. Call this before `server.close()`, which waits for open streams.
   *
   * Resolves when all streams are over, after `timeout` at the latest: a client that has not received
   * everything by then is cut off. Further calls return the same promise.
   *
   * Rejects with a TypeError or RangeError for a bad option, and the hub stays open.
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Makes a hub without a route: for `hub.open`, for `sse({ hub })` on several routes, or to publish
 * from a script.
 *
 * Throws a TypeError or RangeError for a bad option.
 */
export function createHub<Events extends object = AnyEvents, Data = unknown>(
  options: HubOptions = {},
): Hub<Events, Data> {
  return new HubHandle(options) as Hub<object, unknown> as Hub<Events, Data>;
}

/** The object that users hold of a hub, with what is documented and nothing else. */
class HubHandle implements Hub {
  readonly #hub: EventHub;

  constructor(options: HubOptions) {
    this.#hub = new EventHub(options);
  }

  get clients(): ReadonlyMap<string, Client> {
    return this.#hub.clients;
  }

  get size(): number {
    return this.#hub.size;
  }

  send(data?: unknown, options?: SendOptions): Promise<string> {
    return this.#hub.send(data, options);
  }

  sendEvent(type: string, data?: unknown, options?: SendOptions): Promise<string> {
    return this.#hub.sendEvent(type, data, options);
  }

  to(...rooms: string[]): Publisher {
    return this.#hub.to(...rooms);
  }

  open(req: Request, res: Response, options: OpenOptions = {}): Promise<Client> {
    const { logger } = this.#hub;
    return Outcome.of(
      () => open(this.#hub, req, res, options),
      (error) => {
        logger.unheard(`open ${kindOf(error)}`, `a stream was not opened: ${describe(error)}`);
        answerFailure(res, error);
      },
    );
  }

  subscribe(listener: (event: HubEvent) => unknown, options?: SubscribeOptions): () => void {
    return this.#hub.subscribe(listener, options);
  }

  position(): Promise<string> {
    return this.#hub.position();
  }

  stats(): HubStats {
    return this.#hub.stats();
  }

  flushed(): Promise<void> {
    return this.#hub.flushed();
  }

  leaveAll(): void {
    this.#hub.leaveAll();
  }

  drain(options: DrainOptions = {}): Promise<void> {
    return this.#hub.closing.drain(options);
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#hub.close(options);
  }
}
