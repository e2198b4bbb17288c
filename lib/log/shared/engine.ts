import type { LogEntry, LogPage, LogRecord } from '../log.js';

/**
 * About how many bytes `read` gives: two batches of what is written to a client at a time. More would
 * be read again for a client that is blocked meanwhile, and other requests would wait.
 */
export const PAGE_BYTES = 128 * 1024;

/** The newest entry that a process knows to be in an engine. */
export interface Place {
  readonly epoch: string;
  readonly sequence: number;
  /** The write that stored it: another entry with the same sequence has another tag. */
  readonly tag: string;
}

/** What a process remembers of the log: the newest entry it knows of, and the epochs that are over. */
export interface Known extends Place {
  /** An engine that is in one of these epochs has gone back, and lost what was stored since. */
  readonly former: readonly string[];
}

/** An entry as an engine keeps it. */
export interface StoredEntry extends LogEntry, Place {}

/** Stored entries, as far as they are for some rooms. */
export interface StoredPage extends LogPage {
  readonly entries: readonly StoredEntry[];
}

/** What an engine has. */
export interface Extent {
  readonly epoch: string;
  /** The sequence before the first entry of this epoch. */
  readonly start: number;
  /** The sequence before the oldest retained entry. */
  readonly trimmedTo: number;
  /** The sequence of the newest entry. */
  readonly head: number;
}

/** Records that are stored together, in order. */
export interface Write {
  /** One more than that of the write before. A write that is sent again is not stored again. */
  readonly number: number;
  readonly records: readonly LogRecord[];
}

/**
 * Says how many bytes are known to be on their way: a large answer takes its time on a slow line. With 0, it says that one
 * question of several is answered.
 */
export type Expect = (bytes: number) => void;

/**
 * One connection to an engine. Any failure ends the session, except an SseError
 * `ERR_SSE_LOG_REFUSED`.
 */
export interface Session {
  /**
   * Says what the engine has now. An engine that lacks the entry `known`, has another one in its place,
   * or is in an epoch that is over, has lost entries. This call resets the log then.
   */
  sync(known: Known | undefined): Promise<Extent>;
  /** The entries above a sequence, the oldest first. Waits a second for the first one. */
  next(after: number, expect: Expect): Promise<StoredEntry[]>;
  /** The same without the wait: at most `limit` entries, and fewer where they are large. */
  read(after: number, limit: number, expect: Expect): Promise<StoredEntry[]>;
  /** What `readRooms` of the log gives. */
  readRooms(
    after: number,
    limit: number,
    rooms: readonly string[],
    expect: Expect,
  ): Promise<StoredPage>;
  /** What `last` of the log gives. */
  last(count: number, rooms: readonly string[], expect: Expect): Promise<number>;
  /**
   * Stores all records or none, once, however often it is called. Checks `known` as `sync` does.
   * Resolves with the place of the first record.
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
