// browser/: the page's half, for browsers and Node: a stream, and who listens to it.

import { Connection } from './connection/connection.js';
import { Waiting } from './each.js';
import { Listeners, report } from './listeners.js';
import { canShare, channelName, Member } from './share/member.js';
import { type ConnectOptions, checkArguments, parseData } from './stream/options.js';
import type { Reader, Source, Step } from './stream/step.js';
import type { AnyEvents, Stream, StreamEvent, StreamState } from './stream/stream.js';
import type { StreamError } from './stream/stream-error.js';

export type { ConnectOptions, RequestHeaders } from './stream/options.js';
export type {
  AnyEvents,
  Gap,
  HubEvents,
  Stream,
  StreamEvent,
  StreamState,
} from './stream/stream.js';
export { StreamError } from './stream/stream-error.js';

/**
 * Reads a stream of events over `fetch`, and connects again whenever the connection is lost: behind the last event, after a
 * wait with full jitter that grows with each failure, up to a minute. It notices a stream that is dead by the heartbeats that
 * the hub announces.
 *
 *     const stream = connect<Events>('/stream', { headers: async () => ({ authorization: await token() }) });
 *     stream.on('order', (order) => show(order));
 *
 * - 204 ends it. 401 and 403 ask `headers` once more, if it is a function. 429, 408, 425 and all from 500 on are tried again,
 *   not before Retry-After. Other statuses, and what is no event stream, end it with an error: `onState` receives it.
 * - Another method than GET is sent again only where the stream has an id to go on from. Where the response has a
 *   Content-Location, all further requests are for that, with GET.
 * - With `share`, all tabs of a browser use one connection.
 *
 * Throws a TypeError for a bad argument.
 */
export function connect<Events extends object = AnyEvents>(
  url: string | { readonly href: string },
  options: ConnectOptions = {},
): Stream<Events> {
  checkArguments(url, options);
  return new PageStream(String(url), options) as unknown as Stream<Events>;
}

class PageStream implements Stream, Reader {
  state: StreamState = 'connecting';
  lastEventId: string;
  readonly shared: boolean;
  readonly #parse: (text: string, type: string) => unknown;
  readonly #listeners = new Map<string, Listeners<[unknown, StreamEvent]>>();
  readonly #stateListeners = new Listeners<[StreamState, StreamError?]>();
  readonly #loops = new Set<Waiting<unknown>>();
  #source: Source | undefined;

  constructor(url: string, options: ConnectOptions) {
    this.lastEventId = options.lastEventId ?? '';
    this.#parse = options.parse ?? parseData;
    this.shared = Boolean(options.share) && canShare();
    const open = (place: string, reader: Reader) => new Connection(url, options, place, reader);
    // Listeners are added first.
    queueMicrotask(() => {
      if (this.state === 'closed') return;
      this.#source = this.shared
        ? new Member(channelName(url, options), open, this.lastEventId, this)
        : open(this.lastEventId, this);
    });
  }

  on(type: string, listener: (data: never, event: StreamEvent) => unknown): () => void {
    let listeners = this.#listeners.get(type);
    if (listeners === undefined) {
      listeners = new Listeners();
      this.#listeners.set(type, listeners);
    }
    return listeners.add(listener as (data: unknown, event: StreamEvent) => unknown);
  }

  onState(listener: (state: StreamState, error?: StreamError) => unknown): () => void {
    return this.#stateListeners.add(listener);
  }

  each(type: string): AsyncIterableIterator<never> {
    const waiting = new Waiting<unknown>();
    const off = this.on(type, (data) => waiting.push(data));
    if (this.state === 'closed') waiting.end();
    else this.#loops.add(waiting);
    const end = () => {
      off();
      this.#loops.delete(waiting);
      waiting.end();
    };
    const loop = {
      next: () => waiting.next(),
      async return() {
        end();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => loop,
    };
    return loop as unknown as AsyncIterableIterator<never>;
  }

  close(): void {
    this.#become('closed');
  }

  take({ event, place, state, error }: Step): void {
    if (this.state === 'closed') return;
    this.lastEventId = place;
    if (event !== undefined) this.#receive(event);
    this.#become(state, error);
  }

  room(): Promise<void> | undefined {
    for (const loop of this.#loops) {
      const room = loop.room();
      // There may be another loop that is behind.
      if (room !== undefined) return room.then(() => this.room());
    }
    return undefined;
  }

  #receive([type, data]: readonly [string, string]): void {
    const listeners = this.#listeners.get(type);
    if (listeners === undefined || listeners.size === 0) return;
    let parsed: unknown;
    try {
      parsed = this.#parse(data, type);
    } catch (error) {
      report(error);
      return;
    }
    listeners.call(parsed, { id: this.lastEventId, type, data });
  }

  #become(state: StreamState, error?: StreamError): void {
    if (this.state === 'closed' || (this.state === state && error === undefined)) return;
    this.state = state;
    if (state === 'closed') {
      this.#source?.close();
      for (const loop of this.#loops) loop.end();
    }
    this.#stateListeners.call(state, error);
  }
}
