import { Admission, type Attachment } from './client/admission.js';
import { Beginning } from './client/beginning.js';
import { type Client, ConnectedClient } from './client/client.js';
import { Cursor } from './client/cursor.js';
import type { CursorHost } from './client/host.js';
import { Locator } from './client/locator.js';
import { Notices } from './client/notices.js';
import { checkRooms, type RoomLimits, Rooms } from './client/rooms.js';
import type { Sink } from './client/sink.js';
import { runSnapshot } from './client/snapshot.js';
import { Closing } from './delivery/closing.js';
import { Dispatcher } from './delivery/dispatcher.js';
import { EventPublisher } from './delivery/event-publisher.js';
import { MaxAge } from './delivery/max-age.js';
import { PublishQueue } from './delivery/publish-queue.js';
import { readSubscription, type SubscribeOptions } from './delivery/subscribe-options.js';
import { type Listener, Subscriptions } from './delivery/subscriptions.js';
import { SseError } from './errors.js';
import { createEncoder, type Encode } from './frame.js';
import { formatEventId } from './log/event-id.js';
import type { Log, LogEntry } from './log/log.js';
import { memoryLog } from './log/memory.js';
import { LogStatus } from './log/status.js';
import { type CloseOptions, type HubOptions, readHubOptions } from './options.js';
import type { Publisher, SendOptions } from './publisher.js';
import type { StartOption } from './start.js';
import { createCounters, type HubStats } from './stats.js';
import { createReporter, type Reporter } from './util/logger.js';
import { PageWindows, pastOf } from './window/page-windows.js';
import { Retention } from './window/retention.js';
import { Ring } from './window/ring.js';

/** Accepts events, and keeps the clients. It knows no HTTP: a client comes with its sink. */
export class EventHub implements Publisher {
  readonly limits: RoomLimits;
  readonly start: StartOption;
  /** The connected clients by their ids, without those whose streams are being ended. */
  readonly clients = new Map<string, Client>();
  readonly admission: Admission;
  readonly locator: Locator;
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
  readonly closing: Closing;
  readonly #subscriptions: Subscriptions;

  // Long, because it is the list of the hub's parts, and of who calls whom.
  constructor(options: HubOptions) {
    const settings = readHubOptions(options);
    this.limits = settings;
    this.start = settings.start;
    this.logger = createReporter(settings.logger);
    this.#log = settings.log ?? memoryLog();
    const past = pastOf(this.#log);
    this.#status = new LogStatus((message) => this.logger.warn(message));
    this.#ring = new Ring(
      past !== undefined,
      past === undefined ? settings.history.room.events : 0,
    );
    this.locator = new Locator(this.#ring, this.#log);
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
      past,
    );
    this.#retention = new Retention(
      this.#ring,
      settings,
      () => this.#dispatcher.offered,
      () => this.#dispatcher.isIdle && this.#subscriptions.areIdle,
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
      finish: (cursor, end) => this.#finish(cursor, end),
      freed: (cursor) => this.closing.freed(cursor),
      begin: (cursor) => this.#dispatcher.begin(cursor),
      evict: (cursor, why) => this.#evict(cursor, why),
      wake: (cursor, bytes) => this.#dispatcher.wake(cursor, bytes),
    };
    this.#subscriptions = new Subscriptions({
      ring: this.#ring,
      pages: past && new PageWindows(past, this.#ring),
      admission: this.admission,
      reporter: this.logger,
      gapEvent: settings.gapEvent,
    });
    this.closing = new Closing({
      admission: this.admission,
      publishQueue: this.#publishQueue,
      log: this.#log,
      cursors: this.#cursors,
      subscriptions: this.#subscriptions,
      host: this.#host,
    });
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

  subscribe(listener: Listener, options: SubscribeOptions = {}): () => void {
    const { rooms, after } = readSubscription(listener, options, this.limits);
    return this.#subscriptions.add(listener, rooms, after);
  }

  #publisher(rooms?: readonly string[]): Publisher {
    return new EventPublisher(this.#publishQueue, this.#encode, this.logger, rooms);
  }

  /** Opens the stream of a client that was let in, behind its sink, at its place. */
  attach(sink: Sink, attachment: Attachment): Client {
    const { identity, place, rooms, types, attached, replayed, left, snapshot } = attachment;
    const { position, gap, resumed } = place;
    const noticeTypes = this.#notices.typesFor(types);
    const cursor = new Cursor(sink, this.#host, place, noticeTypes, left);
    const isHeld = snapshot !== undefined && !(resumed && gap === undefined);
    if (isHeld || noticeTypes.liveEvent !== false) {
      cursor.beginning = new Beginning(place, isHeld, this.#ring.head);
    }
    const replays = position < this.#ring.head;
    if (replays) cursor.replayed = replayed;
    if (rooms.length > 0) cursor.join(rooms);
    const client = new ConnectedClient(cursor, identity, resumed);
    this.#cursors.add(cursor);
    this.clients.set(cursor.id, client);
    attached?.(cursor);
    if (gap !== undefined) this.#counters.gaps++;
    else if (resumed) this.#counters.replayed++;
    if (replays) replayed?.(this.#ring.bytesAbove(cursor));
    this.#maxAge.start(cursor);
    this.logger.info(`new listener: total ${this.size}`);
    this.#dispatcher.admit(cursor, sink.write(this.#notices.greeting(noticeTypes, place, isHeld)));
    if (isHeld) void runSnapshot(cursor, () => snapshot(client));
    return client;
  }

  async position(): Promise<string> {
    if (this.#status.isReachable) await this.#log.caughtUp?.().catch(() => {});
    const { epoch, head, hasBegun } = this.#ring;
    if (hasBegun) return formatEventId(epoch, head);
    throw new SseError('ERR_SSE_LOG_AWAY', 'the log is unreachable: its newest event is not known');
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
    return this.closing.close(options);
  }

  /** The log begins, or was reset: entries were lost to this hub. */
  #begin(epoch: string, head: number): void {
    if (this.#ring.hasBegun) {
      this.logger.warn(`events were lost: the log goes on behind ${formatEventId(epoch, head)}`);
    }
    const reason = epoch === this.#ring.epoch ? 'trimmed' : 'epoch';
    const { hasBegun } = this.#ring;
    this.#dispatcher.restart(this.#cursors, () => this.#ring.begin(epoch, head), reason);
    this.#publishQueue.restart();
    this.#subscriptions.restart(hasBegun ? reason : undefined);
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
    this.#subscriptions.wake();
  }

  #finish(cursor: Cursor, end?: number): void {
    if (cursor.isLeaving) return;
    this.#dispatcher.finish(cursor, end);
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
    if (this.#cursors.size === 0) this.closing.allGone();
  }

  #forget(cursor: Cursor): void {
    if (this.clients.delete(cursor.id)) this.logger.info(`listener left: total ${this.size}`);
  }
}
