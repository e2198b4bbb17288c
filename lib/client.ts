import { randomUUID } from 'node:crypto';
import type { Job } from './limiter.js';
import type { Batch } from './log/batch.js';
import type { Gap, GapReason, Ring } from './log/ring.js';

/** One connected client, as the hub's `clients` lists it. */
export interface Client {
  /** Unique among the clients of all hubs. Not a secret, and not an event id. */
  readonly id: string;
  /** Aborts when the client is gone, so that work done for it can stop. */
  readonly signal: AbortSignal;
  /**
   * Ends the stream once the client has what was accepted up to now. EventSource comes back by
   * itself. Does nothing for a client that is gone.
   */
  close(): void;
}

/** What a cursor writes to. It never throws: a broken peer is told through `closed`. */
export interface Sink {
  /** Says who is told of what happens to the peer. Called once, before anything is written. */
  bind(owner: SinkOwner): void;
  /** Writes whole frames. False: the peer takes no more until `drained`. */
  write(batch: Batch): boolean;
  /** Ends the stream, after all that was written. */
  end(): void;
  /** Cuts the connection. */
  destroy(): void;
}

/** Who hears of a sink's peer. */
export interface SinkOwner {
  /** The peer takes more again. */
  drained(): void;
  /** The stream is over, whoever ended it. */
  closed(): void;
}

/** Who keeps a client: its hub. */
export interface ClientKeeper {
  drained(client: StreamClient): void;
  closed(client: StreamClient): void;
  leave(client: StreamClient): void;
  /** The client's turn to be flushed; `done` gives it back. */
  start(client: StreamClient, done: () => void): void;
}

/**
 * - `idle`: has everything. Its cursor *is* the head, whatever the field says, so that an event
 *   costs nothing for a client it is not for
 * - `queued`: waits for its turn to be flushed
 * - `parked`: its peer takes no more for now
 * - `ended`: everything was written, the peer still has to take it
 * - `gone`
 */
export type ClientState = 'idle' | 'queued' | 'parked' | 'ended' | 'gone';

/** A cursor into the log, over a sink. */
export class StreamClient implements Client, SinkOwner {
  readonly id = randomUUID();
  /** Its flush, as the limiter takes it. */
  readonly job: Job;
  state: ClientState = 'idle';
  /** The sequence of the last event it was given. */
  cursor: number;
  /** What it is to be told was left out just below its cursor, before it gets anything else. */
  gap: Gap | undefined;
  /** It gets nothing above this sequence, and is ended there. */
  end = Number.POSITIVE_INFINITY;
  /** Written last of all, before its stream is ended. */
  farewell: Batch | undefined;
  /** The tick of the heartbeat at which it was last written to. */
  writtenAt = 0;
  /** What was accepted for it since it was parked. */
  lagEvents = 0;
  lagBytes = 0;
  readonly #keeper: ClientKeeper;
  #gone: AbortController | undefined;

  constructor(
    readonly sink: Sink,
    keeper: ClientKeeper,
    cursor: number,
  ) {
    this.#keeper = keeper;
    this.cursor = cursor;
    this.job = (done) => keeper.start(this, done);
    sink.bind(this);
  }

  get signal(): AbortSignal {
    // Made when first asked for: most clients are never asked, and there may be many of them.
    if (this.#gone === undefined) {
      this.#gone = new AbortController();
      if (this.state === 'gone') this.#gone.abort();
    }
    return this.#gone.signal;
  }

  close(): void {
    this.#keeper.leave(this);
  }

  drained(): void {
    this.#keeper.drained(this);
  }

  closed(): void {
    this.#keeper.closed(this);
  }

  /** It is over: nothing is written from here on. */
  retire(): void {
    this.state = 'gone';
    this.#gone?.abort();
  }

  get leaving(): boolean {
    return this.end !== Number.POSITIVE_INFINITY;
  }

  isBehind(ring: Ring): boolean {
    return this.gap !== undefined || this.cursor < Math.min(ring.head, this.end);
  }

  /** Gives up what lies between its cursor and `to`. The client is told at its next flush. */
  skip(to: number, reason: GapReason): void {
    this.gap = { reason, missed: to - this.cursor + (this.gap?.missed ?? 0) };
    this.cursor = to;
  }

  /** Writes one batch of what it lacks; false when its peer takes no more. */
  flush(ring: Ring, frameGap: (gap: Gap, cursor: number) => Batch): boolean {
    if (this.cursor < ring.tail) this.skip(ring.tail, 'trimmed');
    if (this.gap !== undefined) {
      const told = frameGap(this.gap, this.cursor);
      this.gap = undefined;
      return this.sink.write(told);
    }
    const batch = ring.take(this.cursor, Math.min(ring.head, this.end));
    this.cursor = batch.last;
    return this.sink.write(batch);
  }
}

/** Stands for a client that left, or was turned away, before its stream was opened. */
export function absentClient(): Client {
  return { id: randomUUID(), signal: AbortSignal.abort(), close() {} };
}
