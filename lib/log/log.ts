// log/: what every log promises: the contract, the ids, and the log in memory.

import type { EventId } from './event-id.js';

/** What `follow` throws where it was called before: two hubs can't share a log object. */
export const FOLLOWED = 'this log has a hub already: make one log for each hub';

/** What a hub asks a log to store. */
export interface LogRecord {
  /** The fields of one event as they go over the wire, without its id: bytes that nobody changes. */
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

/** Who is told of everything that happens to a log, in order. None of its methods throws. */
export interface LogFollower {
  /**
   * Where the entries begin that are to come: the log's life, and the sequence before the first of
   * them (0 in an empty log). Comes once before the first entry, and again whenever entries were
   * lost to this follower: with another epoch where the log lost some that it had stored, with the
   * same one where they were trimmed before they came here.
   */
  begin(epoch: string, head: number): void;
  /** One entry was stored, by this follower's hub or by another writer. */
  entry(entry: LogEntry): void;
  /**
   * Resolves when the follower takes more entries: all clients that take any were offered those it
   * has. A log that doesn't wait for it, before it gives more, fills the memory of a busy process.
   */
  ready(): Promise<void>;
  /**
   * The log can be reached, as it can from the start unless `disconnected` comes first. The entries
   * up to `head` are stored, and come as soon as they can. May come any number of times.
   */
  connected(head: number): void;
  /** The log can't be reached, and tries to by itself until it is `connected`. */
  disconnected(reason: Error): void;
}

/**
 * The one list of events that all clients read: `memoryLog`, `redisLog`, `natsLog`, or one of your
 * own.
 *
 * **Order.** A log gives each record the next sequence number. It keeps the order of one writer's
 * calls of `append`, also across its own reconnects, and shows all followers the same entries in the
 * same order: each entry once, none left out but with a new `begin`.
 *
 * **Ids.** A log draws its epoch when it is born: 1 to 40 characters of `A-Z a-z 0-9 _ ~ -` that no
 * other life of it, nor any other log, has. Whatever makes it lose stored entries other than the
 * oldest (a restart without its data, a fail-over to a copy that lacks the newest) begins another
 * life: a place in the one must never be taken for a place in the other.
 *
 * **At the same time.** Any number of `append`, `read` and `caughtUp` may be on their way at once,
 * also before the first `begin` and while the log can't be reached. A follower's methods are called
 * one after the other, and may be called from within `follow` and `append`.
 *
 * **Errors.** A log hides a broken connection: it reconnects by itself, with a back-off, tells its
 * follower with `disconnected` and `connected`, and stores what it was given meanwhile afterwards,
 * once. A promise rejects where that can't help.
 *
 * **Shutdown.** The hub calls `close` once, when nothing is sent any more. Nothing comes to the
 * follower after that.
 */
export interface Log {
  /** Says who is told. Called once, before everything else. Throws if it was called before. */
  follow(follower: LogFollower): void;
  /**
   * Stores a record, and gives its place: at once, or when the log has it for sure.
   *
   * Rejects with the reason of `signal` once that aborts: nobody waits for the record any more. It
   * must not be stored from then on, if that is not under way already. Rejects with an SseError
   * `ERR_SSE_LOG_REFUSED` where the log will never take the record: nothing was stored.
   */
  append(record: LogRecord, signal: AbortSignal): EventId | Promise<EventId>;
  /**
   * The entries above a sequence in the current life, the oldest of them that are left, in order, and
   * at most `limit`, but at least one. Empty where there are none, but only if all up to the
   * follower's head are gone. Rejects where the log can't be reached. A log that leaves this out can
   * give no more than what its follower keeps.
   */
  read?(after: number, limit: number): Promise<LogEntry[]>;
  /**
   * Resolves when the follower was given all that was stored before the call. Rejects where the log
   * can't be reached. Left out by a log whose follower is never behind.
   */
  caughtUp?(): Promise<void>;
  /** Ends what `follow` began, and what is on its way. Left out by a log that holds nothing open. */
  close?(): Promise<void>;
}
