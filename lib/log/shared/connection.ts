import { setMaxListeners } from 'node:events';
import { SseError } from '../../errors.js';
import { type Extend, withTimeLimit } from '../../util/time-limit.js';
import { Backoff } from './backoff.js';
import type { Engine, Expect, Session } from './engine.js';

/**
 * How long the engine may take to answer, in ms: longer than it waits for new entries, and short
 * enough to notice a dead connection in time.
 */
const TIME_LIMIT = 3500;

/** The slowest line that large answers and writes get through, in bytes per ms. */
const SLOWEST = 50;

/** A session that is opened when it is needed, and opened again after a failure. */
export class Connection {
  readonly #engine: Engine;
  readonly #backoff = new Backoff();
  readonly #closing = new AbortController();
  #session: Promise<Session> | undefined;
  #openedAt = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
    // Any number of things may be under way when it is closed: that is no leak.
    setMaxListeners(0, this.#closing.signal);
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /**
   * Does one thing over the session. After a failure the next call opens another session. The work says how many
   * bytes it knows to be on their way, so that they get the time.
   */
  async use<T>(work: (session: Session, expect: Expect) => Promise<T>): Promise<T> {
    this.#session ??= this.#open();
    const current = this.#session;
    try {
      const session = await current;
      const { signal } = this.#closing;
      const timed = (extend: Extend) => work(session, (bytes) => extend(bytes / SLOWEST));
      return await withTimeLimit(timed, TIME_LIMIT, "the log's answer", signal);
    } catch (error) {
      const isSound = error instanceof SseError && error.code === 'ERR_SSE_LOG_REFUSED';
      if (!isSound && this.#session === current) this.reset();
      throw error;
    }
  }

  /** Ends the session: the next use opens another one. */
  reset(): void {
    this.#session?.then(
      (session) => session.close(),
      () => {},
    );
    this.#session = undefined;
  }

  /** Another connection broke, which worked until `then`. A session that is older may be broken as well. */
  suspect(then: number): void {
    if (this.#openedAt < then) this.reset();
  }

  /** Another connection has reached the engine. */
  hurry(): void {
    this.#backoff.hurry();
  }

  close(): void {
    this.#closing.abort(new SseError('ERR_SSE_CLOSED', 'the log is closed'));
    this.reset();
  }

  async #open(): Promise<Session> {
    const { signal } = this.#closing;
    signal.throwIfAborted();
    await this.#backoff.turn(signal);
    this.#openedAt = performance.now();
    const connecting = this.#engine.connect();
    try {
      return await withTimeLimit(connecting, TIME_LIMIT, 'to connect to the log', signal);
    } catch (error) {
      // The session may be opened late.
      connecting.then(
        (session) => session.close(),
        () => {},
      );
      throw error;
    }
  }
}
