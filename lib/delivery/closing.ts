import type { Admission } from '../client/admission.js';
import type { Cursor } from '../client/cursor.js';
import type { CursorHost } from '../client/host.js';
import { describe } from '../errors.js';
import type { Log } from '../log/log.js';
import {
  type CloseOptions,
  type CloseSettings,
  type DrainOptions,
  readCloseOptions,
  readDrainOptions,
} from '../options.js';
import { withTimeLimit } from '../util/time-limit.js';
import type { PublishQueue } from './publish-queue.js';
import type { Subscriptions } from './subscriptions.js';

/** What is closed, and how. */
export interface ClosingParts {
  readonly admission: Admission;
  readonly publishQueue: PublishQueue;
  readonly log: Log;
  readonly cursors: ReadonlySet<Cursor>;
  readonly subscriptions: Subscriptions;
  readonly host: CursorHost<Cursor>;
}

/** After a source is over, its client may be sent a last word, in ms. */
const LAST_WORD = 1000;

/** Drains and closes a hub: its streams, its publish queue, its log. */
export class Closing {
  readonly #parts: ClosingParts;
  #drained: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  /** Resolves when the last client is gone. */
  #gone: Promise<void> | undefined;
  #allGone: () => void = () => {};

  constructor(parts: ClosingParts) {
    this.#parts = parts;
  }

  /** The last client is gone. */
  allGone(): void {
    this.#allGone();
  }

  /** A client is busy no more: where the hub drains, its stream is ended. */
  freed(cursor: Cursor): void {
    if (this.#drained === undefined) return;
    const timer = setTimeout(() => {
      if (!cursor.isBusy) this.#end(cursor);
    }, LAST_WORD);
    cursor.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  /** Resolves when no stream is left, after the timeout at the latest. Further calls give the same promise. */
  drain(options: DrainOptions): Promise<void> {
    try {
      const { timeout } = readDrainOptions(options);
      this.#drained ??= this.#closed ?? this.#drain(timeout);
      return this.#drained;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #drain(timeout: number): Promise<void> {
    this.#parts.admission.close(false);
    return this.#endAllStreams(performance.now() + timeout, (cursor) => cursor.isBusy);
  }

  /** Resolves when all is closed, after the timeout at the latest. Further calls give the same promise. */
  close(options: CloseOptions): Promise<void> {
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
    const { admission, publishQueue, log, host, subscriptions } = this.#parts;
    admission.close(final);
    const end = performance.now() + timeout;
    const stored = publishQueue.close();
    if (log.caughtUp !== undefined) {
      // The other half is for the clients, if the log is unreachable.
      const caughtUp = stored.then(() => log.caughtUp?.());
      await withTimeLimit(caughtUp, timeout / 2, 'the log').catch(() => {});
    }
    await this.#endAllStreams(end);
    subscriptions.end();
    const closed = log.close?.();
    if (closed === undefined) return;
    await withTimeLimit(closed, Math.max(1, end - performance.now()), 'to close the log').catch(
      (error) => host.reporter.warn(`the log was not closed: ${describe(error)}`),
    );
  }

  /** Resolves when all streams are over, at `end` at the latest. Some may last until then. */
  async #endAllStreams(end: number, mayLast = (_cursor: Cursor) => false): Promise<void> {
    const { cursors, host } = this.#parts;
    if (cursors.size === 0) return;
    this.#gone ??= new Promise<void>((resolve) => {
      this.#allGone = resolve;
    });
    for (const cursor of cursors) if (!mayLast(cursor)) this.#end(cursor);
    const timer = setTimeout(() => {
      for (const cursor of cursors) {
        host.evict(cursor, 'it had not received everything when the time to close was over');
      }
    }, end - performance.now());
    await this.#gone;
    clearTimeout(timer);
  }

  #end(cursor: Cursor): void {
    const { admission, host } = this.#parts;
    if (cursor.isLeaving) return;
    cursor.farewell = host.notices.farewell(admission.jitteredRetry());
    host.finish(cursor);
  }
}
