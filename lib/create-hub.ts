import type { Client } from './client/client.js';
import { describe, kindOf } from './errors.js';
import { answerFailure } from './http/fail.js';
import type { Request, Response } from './http/message.js';
import { open } from './http/open.js';
import type { OpenOptions } from './http/route-options.js';
import { EventHub } from './hub.js';
import type { CloseOptions, HubOptions } from './options.js';
import type { AnyEvents, Publisher, SendOptions } from './publisher.js';
import type { HubStats } from './stats.js';
import { Outcome } from './util/outcome.js';

/** Sends events to all the clients that are connected to it, over any number of routes. */
export interface Hub<Events extends object = AnyEvents> extends Publisher<Events> {
  /** The connected clients, by their ids. */
  readonly clients: ReadonlyMap<string, Client<Events>>;
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
  open(req: Request, res: Response, options?: OpenOptions<Events>): Promise<Client<Events>>;

  /**
   * A publisher for the clients in any of these rooms. Each client receives an event once.
   *
   * Throws a TypeError for a room that is not a non-empty string, and a RangeError beyond `maxRooms` and
   * `maxRoomLength`.
   */
  to(room: string, ...rooms: string[]): Publisher<Events>;

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
export function createHub<Events extends object = AnyEvents>(
  options: HubOptions = {},
): Hub<Events> {
  return new HubHandle(options);
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

  stats(): HubStats {
    return this.#hub.stats();
  }

  flushed(): Promise<void> {
    return this.#hub.flushed();
  }

  leaveAll(): void {
    this.#hub.leaveAll();
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#hub.close(options);
  }
}
