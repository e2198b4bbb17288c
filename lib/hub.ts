import { Admission, type Refusal } from './client/admission.js';
import { type ClientKeeper, checkRoom, type Sink, StreamClient } from './client/cursor.js';
import { Dispatcher, type DispatcherHooks } from './delivery/dispatcher.js';
import { Intake } from './delivery/publish-queue.js';
import { quote } from './errors.js';
import { encodeEvent, frameEvent, frameId, frameRetry } from './frame.js';
import { formatEventId, parseEventId } from './log/event-id.js';
import type { Log, LogEntry } from './log/log.js';
import { memoryLog } from './log/memory.js';
import {
  type CloseOptions,
  type CloseSettings,
  type HubOptions,
  type HubSettings,
  readCloseOptions,
  readHubOptions,
} from './options.js';
import { type Publisher, readSendOptions, type SendOptions } from './publisher.js';
import { Ticker } from './util/ticker.js';
import { withTimeLimit } from './util/time-limit.js';
import { MAX_DELAY } from './validate.js';
import { Batch } from './window/batch.js';
import { type Gap, Ring, type RingBounds } from './window/ring.js';

/** What a hub has done and is doing. The counters begin at its creation. */
export interface HubStats {
  /** Clients connected now. */
  readonly connected: number;
  /** Events that have come from the log: also those of other processes, where they share it. */
  readonly accepted: number;
  /** Events written to clients, each counted once for each client. */
  readonly delivered: number;
  /** Events given up for clients that were slow. */
  readonly dropped: number;
  /** Clients cut off for being slow. */
  readonly evicted: number;
  /** Clients that came back, and went on where they were. */
  readonly replayed: number;
  /** Gaps that clients were told of. */
  readonly gaps: number;
  /** Bytes of the events written to clients, transport framing not counted. */
  readonly bytes: number;
  /** Sends that are on their way or wait for room in the request queue. */
  readonly queued: number;
  /** How many events the client furthest behind is behind. */
  readonly lag: number;
  /** The log, as this hub sees it. */
  readonly log: {
    /** Whether the log can be reached. Always true for the one in memory. */
    readonly connected: boolean;
    /** How many of the events that are known to be in the log have not come to this hub yet. */
    readonly behind: number;
  };
}

/** How long clients wait before they come back, where the hub leaves `retry` to them. */
const DEFAULT_RETRY = 3000;

/** How often, within their time, it is looked whether streams or events have passed it. */
const CHECKS = 50;

/** How a client comes in. */
export interface Attachment {
  readonly lastEventId: string | undefined;
  readonly rooms: readonly string[];
  /** Called once when the client is gone. */
  readonly left: () => void;
}

/** Accepts events and keeps the clients. It knows no HTTP: a client comes with its sink. */
export class EventHub {
  readonly #settings: HubSettings;
  readonly #clients = new Map<string, StreamClient>();
  readonly #members = new Map<string, Set<StreamClient>>();
  /** Told to leave, and not gone yet. */
  readonly #leaving = new Set<StreamClient>();
  readonly #log: Log;
  readonly #ring: Ring;
  readonly #dispatcher: Dispatcher;
  readonly #intake: Intake;
  readonly #admission: Admission;
  /** What the ring keeps while a client lags: what it lacks must be there, whatever the history. */
  readonly #lagBounds: RingBounds;
  readonly #keeper: ClientKeeper;
  readonly #counters = {
    accepted: 0,
    delivered: 0,
    dropped: 0,
    evicted: 0,
    replayed: 0,
    gaps: 0,
    bytes: 0,
  };
  readonly #streamsAge: Ticker;
  readonly #historyAge: Ticker;
  /** The newest entry that all clients were offered. */
  #offered = 0;
  /** The newest entry that the log is known to have. */
  #stored = 0;
  #logIsAway = false;
  /** Events that were not sent since then. */
  #unsent = 0;
  /** What the newest clients begin with, as long as no event comes between them. */
  #lastGreeting: Batch | undefined;
  #closed: Promise<void> | undefined;
  #allGone: () => void = () => {};
  #final = false;

  constructor(options: HubOptions) {
    const settings = readHubOptions(options);
    const { history, maxAge } = settings;
    this.#settings = settings;
    this.#lagBounds = {
      events: Math.max(history.events, settings.clientQueueSize),
      bytes: Math.max(history.bytes, settings.clientQueueBytes),
    };
    this.#admission = new Admission(settings.maxClients, settings.maxClientsPerKey);
    this.#streamsAge = new Ticker(maxAge / CHECKS, () => this.#endOldStreams());
    this.#historyAge = new Ticker(history.age / CHECKS, () => this.#dropOldEvents());
    const log = settings.log ?? memoryLog();
    const read = log.read?.bind(log);
    this.#log = log;
    this.#ring = new Ring(read !== undefined);
    const hooks: DispatcherHooks = {
      dropped: (client, events, why) => {
        this.#counters.dropped += events;
        this.warn(`message dropped: ${events} for client ${client.id}, ${why}`);
      },
      lost: (client, why) => {
        this.#counters.evicted++;
        this.#lose(client, why);
      },
    };
    this.#dispatcher = new Dispatcher(this.#ring, this.#clients, settings, hooks, read);
    this.#intake = new Intake(log, this.#ring, settings, {
      whenOffered: (passed) => this.#dispatcher.whenOffered(passed),
      failed: (error) => this.#notSent(error),
    });
    this.#keeper = {
      ring: this.#ring,
      serialize: settings.serialize,
      counters: this.#counters,
      frameGap: (gap, cursor) => new Batch(this.#frameGap(gap, cursor), cursor, 0),
      drained: (client) => this.#dispatcher.drained(client),
      closed: (client) => this.#remove(client),
      finish: (client) => this.#finish(client),
      joined: (client, room) => this.#joined(client, room),
      left: (client, room) => this.#left(client, room),
      wake: (client, bytes) => this.#dispatcher.wake(client, bytes),
    };
    log.follow({
      begin: (epoch, head) => this.#begin(epoch, head),
      entry: (entry) => this.#enter(entry),
      ready: () => new Promise((resolve) => this.#dispatcher.whenOffered(resolve)),
      connected: (head) => this.#connected(head),
      disconnected: (reason) => this.#disconnected(reason),
    });
  }

  get clients(): ReadonlyMap<string, StreamClient> {
    return this.#clients;
  }

  get size(): number {
    return this.#clients.size;
  }

  get refuse(): 'retry' | 'status' {
    return this.#settings.refuse;
  }

  stats(): HubStats {
    let lag = 0;
    for (const client of this.#clients.values()) lag = Math.max(lag, client.lag);
    return {
      connected: this.size,
      ...this.#counters,
      queued: this.#intake.size,
      lag,
      log: {
        connected: this.#ring.hasBegun && !this.#logIsAway,
        behind: Math.max(0, this.#stored - this.#ring.head),
      },
    };
  }

  send(data?: unknown, options?: SendOptions): Promise<string> {
    return this.#accept(undefined, 'message', data, options);
  }

  sendEvent(type: string, data?: unknown, options?: SendOptions): Promise<string> {
    return this.#accept(undefined, type, data, options);
  }

  to(...rooms: string[]): Publisher {
    if (rooms.length === 0) throw new TypeError('to(): must be given at least one room');
    rooms.forEach(checkRoom);
    return {
      send: (data?: unknown, options?: SendOptions) =>
        this.#accept(rooms, 'message', data, options),
      sendEvent: (type: string, data?: unknown, options?: SendOptions) =>
        this.#accept(rooms, type, data, options),
    };
  }

  #accept(
    rooms: readonly string[] | undefined,
    type: string,
    data: unknown,
    options: SendOptions = {},
  ): Promise<string> {
    try {
      const { signal, retry, conflate } = readSendOptions(options);
      const fields = encodeEvent(type, data, retry, this.#settings.serialize);
      signal?.throwIfAborted();
      return this.#intake.send({ fields, rooms, conflate }, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Why no client with this Last-Event-ID is let in, whoever it is. */
  refusal(lastEventId: string | undefined): Refusal | undefined {
    if (this.#closed !== undefined) return this.#final ? 'final' : 'closed';
    // Nobody knows what a client has missed while the log is away, nor where one would begin.
    const isLost = this.#ring.hasBegun
      ? this.#logIsAway && lastEventId
      : this.#logIsAway || this.#log.caughtUp === undefined;
    return isLost ? 'away' : undefined;
  }

  /** Lets a client of this key in, if there is room, before anything is held for it. */
  enter(key: () => string, lastEventId: string | undefined): (() => void) | Refusal {
    return (
      this.refusal(lastEventId) ?? this.#admission.enter(this.#admission.countsKeys ? key() : '')
    );
  }

  /**
   * What has to be waited for before a client can be attached: it comes from another node, which was
   * ahead of this one, or this one has only just started.
   */
  catchUp(lastEventId: string | undefined): Promise<Refusal | undefined> | undefined {
    const id = parseEventId(lastEventId ?? '');
    const { epoch, head, hasBegun } = this.#ring;
    const isAhead = id !== undefined && (id.epoch !== epoch || id.sequence > head);
    if (hasBegun && !isAhead) return undefined;
    return this.#log.caughtUp?.().then(
      () => undefined,
      () => 'away',
    );
  }

  /** Opens the stream of a client that was let in, behind its sink, where its Last-Event-ID says. */
  attach(sink: Sink, { lastEventId, rooms, left }: Attachment): StreamClient {
    const { cursor, gap } = this.#ring.locate(lastEventId, rooms);
    const client = new StreamClient(sink, this.#keeper, cursor, left);
    this.#clients.set(client.id, client);
    if (rooms.length > 0) client.join(...rooms);
    if (gap !== undefined) this.#counters.gaps++;
    else if (lastEventId) this.#counters.replayed++;
    const { maxAge } = this.#settings;
    if (maxAge !== Number.POSITIVE_INFINITY) {
      client.expiresAt = performance.now() + maxAge * (0.8 + 0.2 * Math.random());
      this.#streamsAge.start();
    }
    this.#info(`new listener: total ${this.size}`);
    this.#dispatcher.admit(client, sink.write(this.#greeting(cursor, gap)));
    return client;
  }

  /** When a client that is turned away is to come back, in ms: all at once would be a stampede. */
  jitteredRetry(): number {
    const retry = this.#settings.retry || DEFAULT_RETRY;
    return Math.min(Math.round(retry * (1 + Math.random())), MAX_DELAY);
  }

  async flushed(): Promise<void> {
    // Where the log is away, what has come from it is flushed.
    await this.#log.caughtUp?.().catch(() => {});
    return this.#dispatcher.flushed([...this.#clients.values(), ...this.#leaving]);
  }

  leaveAll(): void {
    for (const client of this.#clients.values()) this.#finish(client);
  }

  close(options: CloseOptions = {}): Promise<void> {
    try {
      this.#closed ??= this.#close(readCloseOptions(options));
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#closed;
  }

  async #close({ timeout, final }: CloseSettings): Promise<void> {
    this.#final = final;
    const end = performance.now() + timeout;
    const stored = this.#intake.close();
    if (this.#log.caughtUp !== undefined) {
      // The other half is for the clients, if the log is away.
      const caughtUp = stored.then(() => this.#log.caughtUp?.());
      await withTimeLimit(caughtUp, timeout / 2, 'the log').catch(() => {});
    }
    const allGone = new Promise<void>((resolve) => {
      this.#allGone = resolve;
    });
    for (const client of this.#clients.values()) {
      client.farewell = new Batch(frameRetry(this.jitteredRetry()), this.#ring.head, 0);
      this.#finish(client);
    }
    if (this.#leaving.size > 0) {
      const timer = setTimeout(() => {
        for (const client of this.#leaving) {
          this.#lose(client, 'it had not taken everything when the time to close was over');
        }
      }, end - performance.now());
      await allGone;
      clearTimeout(timer);
    }
    const closed = this.#log.close?.();
    if (closed === undefined) return;
    await withTimeLimit(closed, Math.max(1, end - performance.now()), 'to close the log').catch(
      (error) => this.warn(`the log was not closed: ${quote(error)}`),
    );
  }

  #begin(epoch: string, head: number): void {
    if (this.#ring.hasBegun) {
      this.warn(`events were lost: the log goes on behind ${formatEventId(epoch, head)}`);
    }
    const reason = epoch === this.#ring.epoch ? 'trimmed' : 'epoch';
    this.#dispatcher.restart(
      [...this.#clients.values(), ...this.#leaving],
      () => this.#ring.begin(epoch, head),
      reason,
    );
    this.#intake.restart();
    this.#offered = head;
    this.#stored = head;
    this.#lastGreeting = undefined;
  }

  #enter(entry: LogEntry): void {
    const { epoch, head } = this.#ring;
    // A log must not leave anything out, nor repeat it. One that does is not to break the cursors.
    if (entry.sequence <= head) return;
    if (entry.sequence > head + 1) this.#begin(epoch, entry.sequence - 1);
    this.#counters.accepted++;
    const pushed = this.#ring.push(entry);
    for (const client of this.#audience(entry.rooms)) this.#dispatcher.offer(client, pushed);
    this.#dispatcher.whenOffered(() => {
      this.#offered = entry.sequence;
      const bounds = this.#dispatcher.isIdle ? this.#settings.history : this.#lagBounds;
      this.#ring.trim(entry.sequence, bounds);
    });
    this.#intake.arrived(entry.sequence);
    if (this.#settings.history.age !== Number.POSITIVE_INFINITY) this.#historyAge.start();
  }

  #connected(head: number): void {
    this.#stored = head;
    if (!this.#logIsAway) return;
    const unsent = this.#unsent > 0 ? `: ${this.#unsent} events were not sent meanwhile` : '';
    this.warn(`the log is back${unsent}`);
    this.#logIsAway = false;
    this.#unsent = 0;
  }

  #notSent(error: unknown): void {
    // A ticker would say so again and again.
    if (this.#logIsAway && this.#unsent++ > 0) return;
    this.warn(`event not sent: ${quote(error)}`);
  }

  #disconnected(reason: Error): void {
    if (!this.#logIsAway) this.warn(`the log is away: ${quote(reason)}`);
    this.#logIsAway = true;
  }

  /** Each client once, and no work for any other. */
  #audience(rooms: readonly string[] | undefined): Iterable<StreamClient> {
    if (rooms === undefined) return this.#clients.values();
    const members = rooms.map((room) => this.#members.get(room) ?? []);
    return members.length === 1
      ? (members[0] as Iterable<StreamClient>)
      : new Set(members.flatMap((some) => [...some]));
  }

  #joined(client: StreamClient, room: string): void {
    if (!this.#clients.has(client.id)) return;
    const members = this.#members.get(room);
    if (members === undefined) this.#members.set(room, new Set([client]));
    else members.add(client);
  }

  #left(client: StreamClient, room: string): void {
    const members = this.#members.get(room);
    if (members?.delete(client) && members.size === 0) this.#members.delete(room);
  }

  #endOldStreams(): boolean {
    const now = performance.now();
    for (const client of this.#clients.values()) {
      if (client.expiresAt <= now) this.#finish(client);
    }
    return this.size > 0;
  }

  #dropOldEvents(): boolean {
    const { history, sendTimeout } = this.#settings;
    // A client that lags may still need what was accepted while it took nothing.
    const age = this.#dispatcher.isIdle ? history.age : Math.max(history.age, sendTimeout);
    this.#ring.expire(this.#offered, performance.now() - age);
    return this.#ring.tail < this.#ring.head;
  }

  /** What a stream begins with. The id lets a client resume that saw no event yet. */
  #greeting(cursor: number, gap: Gap | undefined): Batch {
    if (gap === undefined && this.#lastGreeting?.last === cursor) return this.#lastGreeting;
    const { retry, readyEvent } = this.#settings;
    const id = this.#ring.idOf(cursor);
    const frames = retry === false ? [] : [frameRetry(retry)];
    if (gap !== undefined) frames.push(this.#frameGap(gap, cursor));
    else if (readyEvent === false) frames.push(frameId(id));
    if (readyEvent !== false) {
      frames.push(frameEvent(id, encodeEvent(readyEvent, undefined, undefined, JSON.stringify)));
    }
    const greeting = new Batch(Buffer.concat(frames), cursor, 0);
    if (gap === undefined) this.#lastGreeting = greeting;
    return greeting;
  }

  /** Its id is the cursor behind the gap, so that the gap is told once. */
  #frameGap(gap: Gap, cursor: number): Buffer {
    const id = this.#ring.idOf(cursor);
    const { gapEvent } = this.#settings;
    if (gapEvent === false) return frameId(id);
    return frameEvent(id, encodeEvent(gapEvent, gap, undefined, JSON.stringify));
  }

  #finish(client: StreamClient): void {
    if (!this.#clients.delete(client.id)) return;
    for (const room of client.rooms) this.#left(client, room);
    this.#leaving.add(client);
    this.#info(`listener left: total ${this.size}`);
    this.#dispatcher.finish(client);
  }

  #lose(client: StreamClient, why: string): void {
    this.warn(`connection lost: client ${client.id}, ${why}`);
    client.sink.destroy();
    this.#remove(client);
  }

  #remove(client: StreamClient): void {
    if (client.state === 'gone') return;
    client.retire();
    this.#dispatcher.forget(client);
    if (this.#clients.delete(client.id)) this.#info(`listener left: total ${this.size}`);
    this.#leaving.delete(client);
    if (this.#leaving.size === 0) this.#allGone();
  }

  #info(message: string): void {
    this.#say('info', message);
  }

  warn(message: string): void {
    this.#say('warn', message);
  }

  #say(level: 'info' | 'warn', message: string): void {
    try {
      const said = this.#settings.logger?.[level](message);
      if (said instanceof Promise) said.catch(() => {});
    } catch {
      // A logger that fails must not take the streams down with it.
    }
  }
}
