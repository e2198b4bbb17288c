import type { LogEntry, LogRecord } from '../log.js';

/**
 * About how many bytes `read` gives: two batches of what a client is written at a time. What is read
 * for a client that then takes a part of it is read again, and other requests wait meanwhile.
 */
export const PAGE_BYTES = 128 * 1024;

/** The newest entry that a process knows to be in an engine. */
export interface Place {
  readonly epoch: string;
  readonly sequence: number;
  /** Which write it came with: another entry with the same sequence has another tag. */
  readonly tag: string;
}

/** What a process remembers of the log: the newest entry it knows of, and which lives are over. */
export interface Known extends Place {
  /** Their epochs. An engine that is in one of them again has gone back, and lost what came since. */
  readonly former: readonly string[];
}

/** An entry as an engine keeps it. */
export interface StoredEntry extends LogEntry, Place {}

/** What an engine has. */
export interface Extent {
  readonly epoch: string;
  /** The sequence before the first entry of this life. */
  readonly start: number;
  /** The sequence before the oldest entry that is left. */
  readonly trimmedTo: number;
  /** The sequence of the newest entry. */
  readonly head: number;
}

/** Records that are stored together, in order. */
export interface Write {
  /** One more than that of the write before. A write that comes again is not stored again. */
  readonly number: number;
  readonly records: readonly LogRecord[];
}

/**
 * One connection to an engine. Whatever fails there ends it, but for an SseError
 * `ERR_SSE_LOG_REFUSED`.
 */
export interface Session {
  /**
   * What the engine has now. Where it lacks the entry `known`, has another one in its place, or is in
   * a life that is over, it has lost entries, and another life begins with this call.
   */
  sync(known: Known | undefined): Promise<Extent>;
  /** The entries above a sequence, the oldest first; waits a second for one, if there is none yet. */
  next(after: number): Promise<StoredEntry[]>;
  /** The same, at most `limit` of them, and fewer where they are large; without the wait. */
  read(after: number, limit: number): Promise<StoredEntry[]>;
  /**
   * Stores all records or none, once, however often it is called. Looks after `known` as `sync`
   * does. Resolves with the place of the first record.
   */
  append(write: Write, known: Known | undefined): Promise<Place>;
  /** Ends the connection, and what is under way on it. */
  close(): void;
}

/** A server that keeps a log. */
export interface Engine {
  /** How much one write may hold. */
  readonly write: { readonly records: number; readonly bytes: number };
  connect(): Promise<Session>;
}
