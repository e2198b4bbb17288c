import { setMaxListeners } from 'node:events';
import { type ClientKeeper, type Sink, StreamClient } from './client.js';
import { Dispatcher } from './dispatcher.js';
import { quote, SseError } from './errors.js';
import { encodeEvent, frameEvent, frameId, frameRetry } from './frame.js';
import { createLimiter, type Limiter } from './limiter.js';
import { Batch } from './log/batch.js';
import type { Log, LogEntry } from './log/log.js';
import { memoryLog } from './log/memory.js';
import { type Gap, Ring, type RingBounds } from './log/ring.js';
import {
  type CloseOptions,
  type HubOptions,
  type HubSettings,
  readCloseOptions,
  readHubOptions,
  record,
} from './options.js';

/** Events of any type, with any data: what a hub sends where nothing narrower is said. */
export type AnyEvents = Record<string, unknown>;

export interface SendOptions {
  /** Ends the wait for room in the request queue: the send rejects with its reason, unsent. */
  readonly signal?: AbortSignal | undefined;
  /** Tells clients to wait this long before they connect again, in ms. A non-negative integer. */
  readonly retry?: number | undefined;
}

/** What `send` and `sendEvent` take behind the type: data that may be undefined may be left out. */
export type SendArguments<Data> = undefined extends Data
  ? [data?: Data, options?: SendOptions]
  : [data: Data, options?: SendOptions];

type MessageData<Events> = 'message' extends keyof Events ? Events['message'] : never;

/** Accepts events. */
export interface Publisher<Events extends object = AnyEvents> {
  /** `sendEvent` with the type `message`: what `EventSource.onmessage` listens to. */
  send(...args: SendArguments<MessageData<Events>>): Promise<string>;

  /**
   * Sends an event to every connected client, and keeps it for those that come back.
   *
   * Strings go out as they are, a Uint8Array as UTF-8, `undefined` as empty data, everything else
   * through the option `serialize` (JSON). The data is read before this returns.
   *
   * Resolves with the event's id as soon as it is in the log: it then has its place in the one
   * order that all clients see. While `requestQueueSize` events are on their way it waits for room,
   * in the order of the calls. It never waits for a slow client, nor fails because of one.
   *
   * Rejects with a TypeError for a type with CR, LF or NUL, a bad `retry` or data that can't be
   * serialized; with the reason of `signal`; with an SseError `ERR_SSE_CLOSED` after `close()`,
   * which is no unhandled rejection where nobody awaits the send. In each of these cases nothing was
   * sent.
   */
  sendEvent<Type extends keyof Events & string>(
    type: Type,
    ...args: SendArguments<Events[Type]>
  ): Promise<string>;
}

/** How long clients wait before they come back, where the hub leaves `retry` to them. */
const DEFAULT_RETRY = 3000;

/** Accepts events and keeps the clients. It knows no HTTP: a client comes with its sink. */
export class EventHub {
  readonly #settings: HubSettings;
  readonly #clients = new Set<StreamClient>();
  /** Told to leave, and not gone yet. */
  readonly #leaving = new Set<StreamClient>();
  readonly #log: Log = memoryLog();
  readonly #ring = new Ring();
  readonly #dispatcher: Dispatcher;
  readonly #requests: Limiter;
  /** What the ring keeps while a client lags: what it lacks must be there, whatever the history. */
  readonly #lagBounds: RingBounds;
  readonly #keeper: ClientKeeper;
  #closed: Promise<void> | undefined;
  #allGone: () => void = () => {};
  #final = false;

  constructor(options: HubOptions) {
    const settings = readHubOptions(options);
    this.#settings = settings;
    this.#lagBounds = {
      events: Math.max(settings.history.events, settings.clientQueueSize),
      bytes: Math.max(settings.history.bytes, settings.clientQueueBytes),
    };
    this.#requests = createLimiter(settings.requestQueueSize);
    this.#dispatcher = new Dispatcher(this.#ring, this.#clients, settings, {
      frameGap: (gap, cursor) => new Batch(this.#frameGap(gap, cursor), cursor),
      dropped: (client, events, why) =>
        this.#warn(`message dropped: ${events} for client ${client.id}, ${why}`),
      lost: (client, why) => this.#lose(client, why),
    });
    this.#keeper = {
      drained: (client) => this.#dispatcher.drained(client),
      closed: (client) => this.#remove(client),
      leave: (client) => this.#leave(client),
      start: (client, done) => this.#dispatcher.start(client, done),
    };
    this.#log.follow({
      begin: (epoch, head) => this.#ring.begin(epoch, head),
      entry: (entry) => this.#deliver(entry),
    });
  }

  get clients(): ReadonlySet<StreamClient> {
    return this.#clients;
  }

  get size(): number {
    return this.#clients.size;
  }

  /** Whether new streams are let in; `final` where they never will be again. */
  get door(): 'open' | 'closed' | 'final' {
    if (this.#closed === undefined) return 'open';
    return this.#final ? 'final' : 'closed';
  }

  send(data?: unknown, options?: SendOptions): Promise<string> {
    return this.sendEvent('message', data, options);
  }

  sendEvent(type: string, data?: unknown, options?: SendOptions): Promise<string> {
    const waiting = this.#requests.pendingCount;
    const sent = this.#publish(type, data, options);
    // A ticker that nobody awaits must not end the process because the hub was closed meanwhile.
    // Whatever else can go wrong is loud.
    if (this.#closed !== undefined || this.#requests.pendingCount > waiting) sent.catch(() => {});
    return sent;
  }

  async #publish(type: string, data: unknown, options: SendOptions = {}): Promise<string> {
    const { signal, retry } = record('send options', options, ['signal', 'retry']) as SendOptions;
    const fields = encodeEvent(type, data, retry, this.#settings.serialize);
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TypeError(`signal ${quote(signal)}: must be an AbortSignal`);
    }
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      let waiting = true;
      const abandon = () => {
        waiting = false;
        reject(signal?.reason);
      };
      this.#requests((done) => {
        if (!waiting) return done();
        waiting = false;
        signal?.removeEventListener('abort', abandon);
        resolve(this.#append(fields, done));
      });
      if (!waiting || signal === undefined) return;
      // Any number of sends may wait under one signal: that is no leak.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', abandon, { once: true });
    });
  }

  async #append(fields: Buffer, done: () => void): Promise<string> {
    try {
      if (this.#closed !== undefined) {
        throw new SseError('ERR_SSE_CLOSED', 'the hub is closed: the event was not sent');
      }
      return this.#ring.idOf(await this.#log.append({ fields }));
    } finally {
      this.#dispatcher.whenOffered(done);
    }
  }

  /** Lets a client in, behind its sink, where its Last-Event-ID says. */
  attach(sink: Sink, lastEventId: string | undefined): StreamClient {
    const { cursor, gap } = this.#ring.locate(lastEventId);
    const client = new StreamClient(sink, this.#keeper, cursor);
    this.#clients.add(client);
    this.#info(`new listener: total ${this.size}`);
    this.#dispatcher.admit(client, sink.write(this.#greeting(cursor, gap)));
    return client;
  }

  /** Tells a client to come back, at a time of its own: all at once would be a stampede. */
  comeBackLater(): Buffer {
    const retry = this.#settings.retry || DEFAULT_RETRY;
    return frameRetry(Math.round(retry * (1 + Math.random())));
  }

  leaveAll(): void {
    for (const client of this.#clients) this.#leave(client);
  }

  close(options: CloseOptions = {}): Promise<void> {
    try {
      this.#closed ??= this.#close(readCloseOptions(options));
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#closed;
  }

  async #close({ timeout, final }: Required<CloseOptions>): Promise<void> {
    this.#final = final;
    const allGone = new Promise<void>((resolve) => {
      this.#allGone = resolve;
    });
    for (const client of this.#clients) {
      client.farewell = new Batch(this.comeBackLater(), this.#ring.head);
      this.#leave(client);
    }
    if (this.#leaving.size === 0) return;
    const timer = setTimeout(() => {
      for (const client of this.#leaving)
        this.#lose(client, `it took nothing before the hub closed`);
    }, timeout);
    await allGone;
    clearTimeout(timer);
  }

  #deliver(entry: LogEntry): void {
    const bytes = this.#ring.push(entry);
    for (const client of this.#clients) this.#dispatcher.offer(client, bytes);
    this.#dispatcher.whenOffered(() => {
      const bounds = this.#dispatcher.isIdle ? this.#settings.history : this.#lagBounds;
      this.#ring.trim(entry.sequence, bounds);
    });
  }

  /** What a stream begins with. The id lets a client resume that saw no event yet. */
  #greeting(cursor: number, gap: Gap | undefined): Batch {
    const { retry } = this.#settings;
    const place =
      gap === undefined ? frameId(this.#ring.idOf(cursor)) : this.#frameGap(gap, cursor);
    return new Batch(retry === false ? place : Buffer.concat([frameRetry(retry), place]), cursor);
  }

  /** Its id is the cursor behind the gap, so that the gap is told once. */
  #frameGap(gap: Gap, cursor: number): Buffer {
    const id = this.#ring.idOf(cursor);
    const { gapEvent } = this.#settings;
    if (gapEvent === false) return frameId(id);
    return frameEvent(id, encodeEvent(gapEvent, gap, undefined, JSON.stringify));
  }

  #leave(client: StreamClient): void {
    if (!this.#clients.delete(client)) return;
    this.#leaving.add(client);
    this.#info(`listener left: total ${this.size}`);
    this.#dispatcher.finish(client);
  }

  #lose(client: StreamClient, why: string): void {
    this.#warn(`connection lost: client ${client.id}, ${why}`);
    client.sink.destroy();
    this.#remove(client);
  }

  #remove(client: StreamClient): void {
    if (client.state === 'gone') return;
    this.#dispatcher.forget(client);
    client.retire();
    if (this.#clients.delete(client)) this.#info(`listener left: total ${this.size}`);
    this.#leaving.delete(client);
    if (this.#leaving.size === 0) this.#allGone();
  }

  #info(message: string): void {
    this.#say('info', message);
  }

  #warn(message: string): void {
    this.#say('warn', message);
  }

  #say(level: 'info' | 'warn', message: string): void {
    try {
      this.#settings.logger?.[level](message);
    } catch {
      // A logger that fails must not take the streams down with it.
    }
  }
}
