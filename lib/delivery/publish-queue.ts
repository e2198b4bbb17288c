import { SseError } from '../errors.js';
import { type EventId, formatEventId } from '../log/event-id.js';
import type { Log, LogRecord } from '../log/log.js';
import { Watermark } from '../util/watermark.js';
import type { Ring } from '../window/ring.js';
import { Abandoned } from './abandoned.js';
import { createLimiter, type Limiter } from './limiter.js';
import { type Wait, Watchdog } from './watchdog.js';

export interface PublishQueueSettings {
  readonly requestQueueSize: number;
  readonly sendTimeout: number;
}

/** What the publish queue asks of the hub. */
export interface PublishQueueHooks {
  /** Calls back when all writable clients were offered what is in the ring. */
  whenOffered(passed: () => void): void;
  /** An event was not stored, as far as is known. */
  failed(error: unknown): void;
}

/**
 * The way of events into the log, and the sends that are pending meanwhile.
 *
 * A send holds its slot until the log has the event, the event has arrived in the ring, and all
 * writable clients were offered it: so a sender that awaits its sends runs ahead of none of the three.
 */
export class PublishQueue {
  readonly #log: Log;
  readonly #ring: Ring;
  readonly #hooks: PublishQueueHooks;
  readonly #requests: Limiter;
  readonly #watchdog: Watchdog;
  /** On their way into the log. */
  readonly #appending = new Set<Promise<EventId>>();
  readonly #abandoned = new Abandoned();
  /** Which events have come from the log: some sends wait for theirs. */
  readonly #arrived = new Watermark();
  #isClosed = false;

  constructor(
    log: Log,
    ring: Ring,
    { requestQueueSize, sendTimeout }: PublishQueueSettings,
    hooks: PublishQueueHooks,
  ) {
    this.#log = log;
    this.#ring = ring;
    this.#hooks = hooks;
    this.#requests = createLimiter(requestQueueSize);
    this.#watchdog = new Watchdog(
      sendTimeout,
      () => this.#appending.size + this.#arrived.size > 0,
      () => {
        const message = `the log has stored nothing for ${sendTimeout} ms: nobody waits for this event any more, but it may be stored all the same`;
        return new SseError('ERR_SSE_LOG_AWAY', message);
      },
    );
  }

  /** The sends that are on their way, or wait for a slot. */
  get size(): number {
    return this.#requests.activeCount + this.#requests.pendingCount;
  }

  /**
   * Resolves with the event's id when the log has the event. `signal` ends the wait for a slot. A failure that
   * says something of the log is reported, unless it is not to be.
   */
  send(record: LogRecord, signal: AbortSignal | undefined, reportsFailure = true): Promise<string> {
    const wait = this.#watchdog.enter();
    const sent = new Promise<string>((resolve, reject) => {
      const start = () => {
        wait.giveUp = undefined;
        if (signal !== undefined) this.#abandoned.delete(signal, wait);
      };
      wait.giveUp = (reason) => {
        start();
        this.#watchdog.leave(wait);
        reject(reason);
      };
      this.#requests((done) => {
        if (wait.giveUp === undefined) return done();
        start();
        resolve(this.#append(record, wait, done));
      });
      if (wait.giveUp === undefined) return;
      this.#watchdog.start();
      if (signal !== undefined) this.#abandoned.add(signal, wait);
    });
    sent.catch((error) => {
      if (reportsFailure && error !== signal?.reason) this.#hooks.failed(error);
    });
    return sent;
  }

  /** The log begins anew: events that are on their way will not arrive. */
  restart(): void {
    this.#arrived.restart(this.#ring.head);
  }

  /** An entry has arrived in the ring, and is being offered to the clients. */
  arrived(sequence: number): void {
    this.#arrived.advance(sequence);
  }

  /** Accepts no further event. Resolves when the fate of all that are on their way is known. */
  async close(): Promise<void> {
    this.#isClosed = true;
    // The sends that wait for a slot are to reject, whether or not anything arrives.
    this.#arrived.restart(this.#ring.head);
    while (this.#appending.size > 0) await Promise.allSettled(this.#appending);
  }

  async #append(record: LogRecord, wait: Wait, done: () => void): Promise<string> {
    const release = () => this.#hooks.whenOffered(done);
    try {
      if (this.#isClosed) {
        throw new SseError('ERR_SSE_CLOSED', 'the hub is closed: the event was not sent');
      }
      const appended = this.#log.append(record, wait.signal);
      const id = appended instanceof Promise ? await this.#stored(appended) : appended;
      this.#watchdog.moved();
      const { epoch, head } = this.#ring;
      const isOnItsWay = id.epoch === epoch && id.sequence > head;
      if (!isOnItsWay || this.#isClosed) release();
      else this.#arrived.when(id.sequence, release);
      return formatEventId(id.epoch, id.sequence);
    } catch (error) {
      release();
      throw error;
    } finally {
      this.#watchdog.leave(wait);
    }
  }

  async #stored(appended: Promise<EventId>): Promise<EventId> {
    this.#appending.add(appended);
    this.#watchdog.start();
    try {
      return await appended;
    } finally {
      this.#appending.delete(appended);
    }
  }
}
