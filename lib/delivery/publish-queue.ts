import { setMaxListeners } from 'node:events';
import { SseError } from '../errors.js';
import { type EventId, formatEventId } from '../log/event-id.js';
import type { Log, LogRecord } from '../log/log.js';
import type { Ring } from '../window/ring.js';
import { createLimiter, type Limiter } from './limiter.js';
import { type Watch, Watchdog } from './watchdog.js';

export interface IntakeSettings {
  readonly requestQueueSize: number;
  readonly sendTimeout: number;
}

/** Who is told of what an intake does: the hub. */
export interface IntakeHooks {
  /** Calls back when every client that takes any has been offered what is here. */
  whenOffered(passed: () => void): void;
  /** An event was not stored, as far as is known. */
  failed(error: unknown): void;
}

/**
 * The way of events into the log: the request queue, and who waits for what in it.
 *
 * A slot is held until the log has the event, it has come back through the log's tail, and every
 * client was offered it: so a sender that waits for each event runs ahead of none of the three.
 */
export class Intake {
  readonly #log: Log;
  /** What has come through the log's tail. */
  readonly #ring: Ring;
  readonly #hooks: IntakeHooks;
  readonly #requests: Limiter;
  readonly #watchdog: Watchdog;
  /** On their way into the log. */
  readonly #appending = new Set<Promise<EventId>>();
  /** In the log, but not through its tail yet. */
  readonly #underWay = new Map<number, () => void>();
  #closed = false;

  constructor(
    log: Log,
    ring: Ring,
    { requestQueueSize, sendTimeout }: IntakeSettings,
    hooks: IntakeHooks,
  ) {
    this.#log = log;
    this.#ring = ring;
    this.#hooks = hooks;
    this.#requests = createLimiter(requestQueueSize);
    this.#watchdog = new Watchdog(
      sendTimeout,
      () => this.#appending.size + this.#underWay.size > 0,
      () => {
        const message = `the log has stored nothing for ${sendTimeout} ms: nobody waits for this event any more, but it may be on its way into the log`;
        return new SseError('ERR_SSE_LOG_AWAY', message);
      },
    );
  }

  /** Events that are on their way, or wait for room. */
  get size(): number {
    return this.#requests.activeCount + this.#requests.pendingCount;
  }

  /** Resolves with the event's id when the log has it. `signal` ends the wait for room. */
  send(record: LogRecord, signal: AbortSignal | undefined): Promise<string> {
    const sent = new Promise<string>((resolve, reject) => {
      const watch = this.#watchdog.enter();
      let waiting = true;
      const start = () => {
        waiting = false;
        watch.giveUps.delete(giveUp);
        signal?.removeEventListener('abort', abandon);
      };
      const giveUp = (reason: unknown) => {
        start();
        this.#watchdog.leave(watch);
        reject(reason);
      };
      const abandon = () => giveUp(signal?.reason);
      this.#requests((done) => {
        if (!waiting) return done();
        start();
        resolve(this.#append(record, watch, done));
      });
      if (!waiting) return;
      watch.giveUps.add(giveUp);
      this.#watchdog.start();
      if (signal === undefined) return;
      // Any number of sends may wait under one signal: that is no leak.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', abandon, { once: true });
    });
    // A ticker that nobody awaits must not end the process because the log is away, or closed.
    sent.catch((error) => {
      if (error !== signal?.reason) this.#hooks.failed(error);
    });
    return sent;
  }

  /** The log begins anew: what is under way does not come through its tail. */
  restart(): void {
    this.#release();
  }

  /** An entry has come through the log's tail, and is offered to the clients. */
  arrived(sequence: number): void {
    this.#underWay.get(sequence)?.();
    this.#underWay.delete(sequence);
  }

  /** Lets no further event in. Resolves when the log has, or has not, what is on its way into it. */
  async close(): Promise<void> {
    this.#closed = true;
    // Those that wait for a slot are to learn of it, whatever becomes of the tail.
    this.#release();
    while (this.#appending.size > 0) await Promise.allSettled(this.#appending);
  }

  #release(): void {
    for (const arrived of this.#underWay.values()) arrived();
    this.#underWay.clear();
  }

  async #append(record: LogRecord, watch: Watch, done: () => void): Promise<string> {
    const release = () => this.#hooks.whenOffered(done);
    try {
      if (this.#closed) {
        throw new SseError('ERR_SSE_CLOSED', 'the hub is closed: the event was not sent');
      }
      const appended = this.#log.append(record, watch.signal);
      const id = appended instanceof Promise ? await this.#stored(appended) : appended;
      this.#watchdog.moved();
      const { epoch, head } = this.#ring;
      const isUnderWay = id.epoch === epoch && id.sequence > head;
      if (!isUnderWay || this.#closed) release();
      else this.#underWay.set(id.sequence, release);
      return formatEventId(id.epoch, id.sequence);
    } catch (error) {
      release();
      throw error;
    } finally {
      this.#watchdog.leave(watch);
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
