import { describe, SseError } from '../../errors.js';
import { Queue } from '../../util/queue.js';
import type { EventId } from '../event-id.js';
import type { LogRecord } from '../log.js';
import type { Connection } from './connection.js';
import type { Engine, Expect, Place, Session, Write } from './engine.js';
import type { NewestPlace } from './place.js';

/** A pending send: a record, and the promise that waits for it. */
interface Pending {
  readonly record: LogRecord;
  readonly signal: AbortSignal;
  readonly resolve: (id: EventId) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Stores records in the order of the calls. All pending records are one write, and the next write
 * waits until the fate of this one is known. A write is sent until then, under the same number, so
 * that it is stored once; or until nobody waits for any of its records any more.
 */
export class Writer {
  readonly #connection: Connection;
  readonly #bounds: Engine['write'];
  readonly #newest: NewestPlace;
  readonly #waiting = new Queue<Pending>();
  /** The pending sends of each signal: one listener each, however many sends there are. */
  readonly #watched = new WeakMap<AbortSignal, Set<Pending>>();
  /** The records of the write that is on its way. */
  #current: Pending[] = [];
  #isWriting = false;
  /** Why the engine has not stored the current write. */
  #failure: unknown;
  #number = 0;

  constructor(connection: Connection, bounds: Engine['write'], newest: NewestPlace) {
    this.#connection = connection;
    this.#bounds = bounds;
    this.#newest = newest;
  }

  append(record: LogRecord, signal: AbortSignal): Promise<EventId> {
    return new Promise((resolve, reject) => {
      if (this.#connection.isClosed) return reject(closed());
      if (signal.aborted) return reject(signal.reason);
      const pending = { record, signal, resolve, reject };
      this.#watch(pending);
      this.#waiting.push(pending);
      if (!this.#isWriting) void this.#run();
    });
  }

  #watch(pending: Pending): void {
    const { signal } = pending;
    const watched = this.#watched.get(signal);
    if (watched !== undefined) {
      watched.add(pending);
      return;
    }
    this.#watched.set(signal, new Set([pending]));
    signal.addEventListener('abort', () => this.#giveUp(signal), { once: true });
  }

  #giveUp(signal: AbortSignal): void {
    const reason = this.#explain(signal.reason);
    for (const { reject } of this.#watched.get(signal) ?? []) reject(reason);
  }

  /** The same reason, with what the engine said last. */
  #explain(reason: unknown): unknown {
    if (!(reason instanceof SseError) || this.#failure === undefined) return reason;
    const message = `${reason.message} (the last attempt failed with ${describe(this.#failure)})`;
    return new SseError(reason.code, message, { cause: this.#failure });
  }

  /** Whether its promise is still waited for. */
  #isWanted({ signal }: Pending): boolean {
    return !signal.aborted;
  }

  /** Rejects all that is pending. */
  close(): void {
    for (const { reject } of this.#current) reject(closed());
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next.reject(closed());
    }
  }

  async #run(): Promise<void> {
    this.#isWriting = true;
    // Records that are appended in the same turn are one write.
    await null;
    while (this.#waiting.size > 0) {
      this.#current = this.#take();
      await this.#store();
      for (const pending of this.#current) this.#watched.get(pending.signal)?.delete(pending);
      this.#current = [];
    }
    this.#isWriting = false;
  }

  /** As many pending records as fit into one write; a larger one goes alone. */
  #take(): Pending[] {
    const some: Pending[] = [];
    let bytes = 0;
    for (;;) {
      const next = this.#waiting.at(0);
      if (next === undefined || some.length >= this.#bounds.records) return some;
      if (this.#isWanted(next)) {
        bytes += next.record.fields.length;
        if (some.length > 0 && bytes > this.#bounds.bytes) return some;
        some.push(next);
      }
      this.#waiting.shift();
    }
  }

  async #store(): Promise<void> {
    let write: Write | undefined;
    const append = async (session: Session, expect: Expect): Promise<Place | undefined> => {
      const wanted = this.#current.filter((pending) => this.#isWanted(pending));
      if (wanted.length === 0) return undefined;
      // A record that nobody waits for is left out, unless the write was sent once already.
      if (write === undefined) {
        this.#current = wanted;
        write = { number: ++this.#number, records: this.#current.map(({ record }) => record) };
      }
      expect(write.records.reduce((sum, { fields }) => sum + fields.length, 0));
      return session.append(write, this.#newest.known);
    };
    for (;;) {
      try {
        const first = await this.#connection.use(append);
        if (first === undefined) return;
        const { epoch, sequence, tag } = first;
        this.#newest.learn({ epoch, sequence: sequence + this.#current.length - 1, tag });
        this.#failure = undefined;
        this.#current.forEach(({ resolve }, index) => {
          resolve({ epoch, sequence: sequence + index });
        });
        return;
      } catch (error) {
        if (!(error instanceof SseError)) {
          this.#failure = error;
          if (this.#current.some((pending) => this.#isWanted(pending))) continue;
          // A write that nobody waits for is not kept until the engine is reachable again.
          return;
        }
        for (const { reject } of this.#current) reject(error);
        return;
      }
    }
  }
}

function closed(): SseError {
  return new SseError(
    'ERR_SSE_CLOSED',
    'the hub was closed before the log had the event: the event may be stored all the same',
  );
}
