import type { Batch } from '../window/batch.js';

/** The connection that a cursor writes to. A sink never throws: a broken peer is a `closed` call. */
export interface Sink {
  /** Sets the owner, which is notified of what happens to the peer. Called once, before any write. */
  bind(owner: SinkOwner): void;
  /** Reads what the next write will read as well, and does nothing else. */
  preload(): void;
  /** Writes whole frames. False: the peer is blocked, until `drained` is called. */
  write(batch: Batch): boolean;
  /** Ends the stream, after all that was written. */
  end(): void;
  /** Cuts the connection, and forgets what the peer has not read. */
  destroy(): void;
}

/** The owner of a sink: a cursor. */
export interface SinkOwner {
  /** The peer is writable again. */
  drained(): void;
  /** The stream is over, whoever ended it. */
  closed(): void;
}
