import { Admission, type Attachment } from './client/admission.js';
import { type Client, ConnectedClient } from './client/client.js';
import { Cursor } from './client/cursor.js';
import type { CursorHost } from './client/host.js';
import { Notices } from './client/notices.js';
import { checkRooms, type RoomLimits, Rooms } from './client/rooms.js';
import type { Sink } from './client/sink.js';
import { Dispatcher } from './delivery/dispatcher.js';
import { EventPublisher } from './delivery/event-publisher.js';
import { MaxAge } from './delivery/max-age.js';
import { PublishQueue } from './delivery/publish-queue.js';
import { describe } from './errors.js';
import { createEncoder, type Encode } from './frame.js';
import { formatEventId } from './log/event-id.js';
import type { Log, LogEntry } from './log/log.js';
import { memoryLog } from './log/memory.js';
import { LogStatus } from './log/status.js';
import {
  type CloseOptions,
  type CloseSettings,
  type HubOptions,
  readCloseOptions,
  readHubOptions,
} from './options.js';
import type { Publisher, SendOptions } from './publisher.js';
import { createCounters, type HubStats } from './stats.js';
import { createReporter, type Reporter } from './util/logger.js';
import { withTimeLimit } from './util/time-limit.js';
import { Retention } from './window/retention.js';
import { Ring } from './window/ring.js';

/** Accepts events, and keeps the clients. It knows no HTTP: a client comes with its sink. */
export class EventHub implements Publisher {
  readonly limits: RoomLimits;
  /** The connected clients by their ids, without those whose streams are being ended. */
  readonly clients = new Map<string, Client>();
  readonly admission: Admission;
  readonly logger: Reporter;
  /** All clients that are not gone. */
  readonly #cursors = new Set<Cursor>();
  readonly #members = new Rooms<Cursor>();
  readonly #log: Log;
  readonly #status: LogStatus;
  readonly #ring: Ring;
  readonly #notices: Notices;
  readonly #retention: Retention;
  readonly #dispatcher: Dispatcher;
  readonly #publishQueue: PublishQueue;
  readonly #encode: Encode;
  readonly #toAll: Publisher;
  readonly #host: CursorHost<Cursor>;
  readonly #counters = createCounters();
  readonly #maxAge: MaxAge;
  #closed: Promise<void> | undefined;
  #allGone: () => void = () => {};

  // Long, because it is the list of the hub's parts, and of who calls whom.
  constructor(options: HubOptions) {
    const settings = readHubOptions(options);
    this.limits = settings;
    this.logger = createReporter(settings.logger);
    this.#log = settings.log ?? memoryLog();
    const read = this.#log.read?.bind(this.#log);
    this.#status = new LogStatus((message) => this.logger.warn(message));
    this.#ring = new Ring(read !== undefined);
    this.#notices = new Notices(this.#ring, settings);
    this.admission = new Admission(settings, this.#log, this.#ring, this.#status, (cursor) =>
      this.#dispatcher.heartbeat.probe(cursor),
    );
    this.#maxAge = new MaxAge(settings.maxAge, this.#cursors, (cursor) => this.#finish(cursor));
    const hooks = {
      offered: (sequence: number) => this.#retention.trim(sequence),
      dropped: (cursor: Cursor, events: number, why: string) => {
        this.#counters.dropped += events;
        this.logger.warn(`message dropped: ${events} for client ${cursor.id}, ${why}`);
      },
      slow: (cursor: Cursor, why: string) => {
        this.#counters.evicted++;
        this.#evict(cursor, why);
      },
    };
    this.#dispatcher = new Dispatcher(
      this.#ring,
      this.#notices,
      this.#cursors,
      settings,
      hooks,
      read,
    );
    this.#retention = new Retention(
      this.#ring,
      settings,
      () => this.#dispatcher.offered,
      () => this.#dispatcher.isIdle,
    );
    this.#publishQueue = new PublishQueue(this.#log, this.#ring, settings, {
      whenOffered: (passed) => this.#dispatcher.whenOffered(passed),
      failed: (error) => this.#status.notSent(error),
    });
    this.#encode = createEncoder(settings.serialize, settings.maxEventBytes, this.logger);
    this.#toAll = this.#publisher();
    this.#host = {
      ring: this.#ring,
      notices: this.#notices,
      limits: settings,
      encode: this.#encode,
      reporter: this.logger,
      counters: this.#counters,
      members: this.#members,
      drained: (cursor) => this.#dispatcher.drained(cursor),
      closed: (cursor) => this.#remove(cursor),
      finish: (cursor) => this.#finish(cursor),
      wake: (cursor, bytes) => this.#dispatcher.wake(cursor, bytes),
    };
    this.#log.follow({
      begin: (epoch, head) => this.#begin(epoch, head),
      entry: (entry) => this.#accept(entry),
      ready: () => new Promise((resolve) => this.#dispatcher.whenOffered(resolve)),
      connected: (head) => this.#status.connected(head),
      disconnected: (reason) => this.#status.disconnected(reason),
    });
  }

  get size(): number {
    return this.clients.size;
  }

  stats(): HubStats {
    let lag = 0;
    for (const cursor of this.#cursors) lag = Math.max(lag, cursor.lag);
    return {
      connected: this.size,
      opening: this.admission.opening,
      ...this.#counters,
      queued: this.#publishQueue.size,
      lag,
      log: {
        connected: this.#ring.hasBegun && this.#status.isReachable,
        behind: Math.max(0, this.#status.stored - this.#ring.head),
      },
    };
  }

  send(data?: unknown, options?: SendOptions): Promise<string> {
    return this.#toAll.send(data, options);
  }

  sendEvent(type: string, data?: unknown, options?: SendOptions): Promise<string> {
    return this.#toAll.sendEvent(type, data, options);
  }

  to(...rooms: string[]): Publisher {
    if (rooms.length === 0) throw new TypeError('to(): must be given at least one room');
    return this.#publisher(checkRooms(rooms, this.limits));
  }

  #publisher(rooms?: readonly string[]): Publisher {
    return new EventPublisher(this.#publishQueue, this.#encode, this.logger, rooms);
  }

  /** Opens the stream of a client that was let in, behind its sink, where its Last-Event-ID says. */
  attach(sink: Sink, attachment: Attachment): Client {
    const { lastEventId, rooms, types, attached, replayed, left } = attachment;
    const { position, gap } = this.#ring.locate(lastEventId, rooms);
    const noticeTypes = this.#notices.typesFor(types);
    const cursor = new Cursor(sink, this.#host, position, noticeTypes, left);
    if (lastEventId) cursor.replayed = replayed;
    if (rooms.length > 0) cursor.join(rooms);
    const client = new ConnectedClient(cursor);
    this.#cursors.add(cursor);
    this.clients.set(cursor.id, client);
    attached?.(cursor);
    if (gap !== undefined) this.#counters.gaps++;
    else if (lastEventId) this.#counters.replayed++;
    if (lastEventId) replayed?.(this.#ring.bytesAbove(cursor));
    this.#maxAge.start(cursor);
    this.logger.info(`new listener: total ${this.size}`);
    const resumed = Boolean(lastEventId) && (gap === undefined || gap.reason === 'trimmed');
    const greeting = this.#notices.greeting(noticeTypes, position, resumed, gap);
    this.#dispatcher.admit(cursor, sink.write(greeting));
    return client;
  }

  async flushed(): Promise<void> {
    // While the log is unreachable, this is about the events that have come from it.
    await this.#log.caughtUp?.().catch(() => {});
    await Promise.all([...this.#cursors].map((cursor) => cursor.given()));
  }

  leaveAll(): void {
    for (const cursor of this.#cursors) this.#finish(cursor);
  }

  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closed !== undefined) return this.#closed;
    try {
      const settings = readCloseOptions(options);
      // Set first: a logger that is called meanwhile may close the hub as well.
      let closing = (_closed: Promise<void>) => {};
      this.#closed = new Promise((resolve) => {
        closing = resolve;
      });
      closing(this.#close(settings));
      return this.#closed;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #close({ timeout, final }: CloseSettings): Promise<void> {
    this.admission.close(final);
    const end = performance.now() + timeout;
    const stored = this.#publishQueue.close();
    if (this.#log.caughtUp !== undefined) {
      // The other half is for the clients, if the log is unreachable.
      const caughtUp = stored.then(() => this.#log.caughtUp?.());
      await withTimeLimit(caughtUp, timeout / 2, 'the log').catch(() => {});
    }
    await this.#endAllStreams(end);
    const closed = this.#log.close?.();
    if (closed === undefined) return;
    await withTimeLimit(closed, Math.max(1, end - performance.now()), 'to close the log').catch(
      (error) => this.logger.warn(`the log was not closed: ${describe(error)}`),
    );
  }

  /** Resolves when all streams are over, at `end` at the latest. */
  async #endAllStreams(end: number): Promise<void> {
    if (this.#cursors.size === 0) return;
    const allGone = new Promise<void>((resolve) => {
      this.#allGone = resolve;
    });
    for (const cursor of this.#cursors) {
      if (cursor.isFinishing) continue;
      cursor.farewell = this.#notices.farewell(this.admission.jitteredRetry());
      this.#finish(cursor);
    }
    const timer = setTimeout(() => {
      for (const cursor of this.#cursors) {
        this.#evict(cursor, 'it had not received everything when the time to close was over');
      }
    }, end - performance.now());
    await allGone;
    clearTimeout(timer);
  }

  /** The log begins, or was reset: entries were lost to this hub. */
  #begin(epoch: string, head: number): void {
    if (this.#ring.hasBegun) {
      this.logger.warn(`events were lost: the log goes on behind ${formatEventId(epoch, head)}`);
    }
    const reason = epoch === this.#ring.epoch ? 'trimmed' : 'epoch';
    this.#dispatcher.restart(this.#cursors, () => this.#ring.begin(epoch, head), reason);
    this.#publishQueue.restart();
    this.#status.stored = head;
  }

  /** An entry has come from the log. */
  #accept(entry: LogEntry): void {
    const { epoch, head } = this.#ring;
    // A log must not leave anything out, nor repeat it. One that does is not to break the cursors.
    if (entry.sequence <= head) return;
    if (entry.sequence > head + 1) this.#begin(epoch, entry.sequence - 1);
    this.#counters.accepted++;
    if (entry.isForeign) {
      this.#counters.foreign++;
      this.#status.foreign(formatEventId(epoch, entry.sequence));
    }
    const pushed = this.#ring.push(entry);
    const audience =
      entry.rooms === undefined ? this.#cursors : this.#members.membersOf(entry.rooms);
    this.#dispatcher.offer(audience, pushed);
    this.#publishQueue.arrived(entry.sequence);
    this.#retention.start();
  }

  #finish(cursor: Cursor): void {
    if (cursor.isLeaving) return;
    this.#dispatcher.finish(cursor);
    this.#forget(cursor);
  }

  #evict(cursor: Cursor, why: string): void {
    this.logger.warn(`connection lost: client ${cursor.id}, ${why}`);
    cursor.sink.destroy();
    this.#remove(cursor);
  }

  #remove(cursor: Cursor): void {
    if (!this.#cursors.delete(cursor)) return;
    cursor.retire();
    this.#dispatcher.forget(cursor);
    this.#forget(cursor);
    if (this.#cursors.size === 0) this.#allGone();
  }

  #forget(cursor: Cursor): void {
    if (this.clients.delete(cursor.id)) this.logger.info(`listener left: total ${this.size}`);
  }
}
