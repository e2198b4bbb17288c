/** What a hub asks a log to store. */
export interface LogRecord {
  /** The fields of one event, as `encodeEvent` makes them. */
  readonly fields: Buffer;
  /** The rooms whose clients it is for; undefined where it is for all clients. */
  readonly rooms?: readonly string[] | undefined;
  /** A newer record with this key, and for the same rooms, stands for it with clients that lag. */
  readonly conflate?: string | undefined;
}

/** A stored record, with its place in the log. */
export interface LogEntry extends LogRecord {
  /** Dense: exactly one more than the entry before. Never taken from a clock. */
  readonly sequence: number;
}

/** Who is told of everything that happens to a log, in order. */
export interface LogFollower {
  /**
   * Comes before the first entry: the log's life, and the sequence of its newest entry (0 where it
   * is empty). The next entry's sequence is `head + 1`.
   */
  begin(epoch: string, head: number): void;
  /** One entry was stored, by this follower's hub or by another writer. */
  entry(entry: LogEntry): void;
}

/**
 * The one list of events that all clients read.
 *
 * A log gives each record the next sequence number, keeps the order of the calls of one writer, and
 * shows all followers the same entries in the same order. It draws its epoch at random when it is
 * born, so that a place in another life of the log is never taken for a place in this one.
 */
export interface Log {
  /** Called once, before the first `append`. */
  follow(follower: LogFollower): void;
  /** Stores a record and gives the sequence it got, at once or when the log has it for sure. */
  append(record: LogRecord): number | Promise<number>;
}
