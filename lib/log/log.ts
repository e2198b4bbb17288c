// log/: what every log promises: the contract, the ids, and the log in memory.

import type { EventId } from './event-id.js';

/** The error of a second call of `follow`: two hubs can't share a log object. */
export const FOLLOWED = 'this log has a hub already: make one log for each hub';

/** What a hub asks a log to store. */
export interface LogRecord {
  /** The fields of one event as they go over the wire, without its id. Nobody changes the bytes. */
  readonly fields: Buffer;
  /** The rooms that the event is for; undefined for an event for all clients. */
  readonly rooms?: readonly string[] | undefined;
  /** A newer record with this key, and for the same rooms, replaces this one for clients that lag. */
  readonly conflate?: string | undefined;
  /** Whether it is for those alone who are connected now, and kept for nobody. Default false. */
  readonly isEphemeral?: boolean | undefined;
  /** The id of a client that it is not for. */
  readonly except?: string | undefined;
}

/** A stored record, with its place in the log. */
export interface LogEntry extends LogRecord {
  /** Dense: exactly one more than that of the entry before. Never taken from a clock. */
  readonly sequence: number;
  /** No hub has written it. It is counted, and has to be for no room. Default false. */
  readonly isForeign?: boolean | undefined;
}

/** A part of the log, as far as it is for some rooms. */
export interface LogPage {
  readonly entries: readonly LogEntry[];
  /** Up to this sequence, all that is kept for these rooms is among the entries. */
  readonly through: number;
  /** The newest entry above the beginning that is gone, and was for these rooms or for all; 0 where there is none. */
  readonly lost: number;
}

/** How much of its past a room keeps: how many entries, and for how long, in ms. Each bound holds by itself. */
export interface RoomBounds {
  readonly events: number;
  readonly age: number;
}

/** The hub, as its log sees it: it is notified of everything, in order. None of its methods throws. */
export interface LogFollower {
  /**
   * Says where the next entries begin: the log's epoch, and the sequence before the first of them (0
   * in an empty log). Called once before the first entry, and again whenever entries were lost to
   * this follower: with another epoch where the log lost entries that it had stored, with the same
   * epoch where entries were trimmed before they came here.
   */
  begin(epoch: string, head: number): void;
  /** One entry was stored, by this follower's hub or by another writer. */
  entry(entry: LogEntry): void;
  /**
   * Resolves when all writable clients were offered the entries so far. A log that gives more without
   * waiting for this fills the memory of a busy process.
   */
  ready(): Promise<void>;
  /**
   * The log is reachable, and the entries up to `head` are stored: they follow as soon as they can.
   * A log counts as reachable until the first `disconnected`. May be called any number of times.
   */
  connected(head: number): void;
  /** The log is unreachable. It reconnects by itself, and calls `connected` then. */
  disconnected(reason: Error): void;
}

/**
 * The one list of events that all clients read: `memoryLog`, `redisLog`, `natsLog`, or one of your
 * own.
 *
 * **Order.** A log gives each record the next sequence number. It keeps the order of one writer's
 * calls of `append`, also across its own reconnects. It shows all followers the same entries in the
 * same order: each entry once, and none is left out without a new `begin`.
 *
 * **Ids.** A log draws its epoch when it is created: 1 to 40 characters of `A-Z a-z 0-9 _ ~ -` that no
 * other log has, nor this one before. Whatever makes it lose stored entries other than the oldest (a
 * restart without its data, a fail-over to a copy that lacks the newest) is a reset, with a new
 * epoch: a place in one epoch must never be taken for a place in another.
 *
 * **At the same time.** Any number of `append`, `read` and `caughtUp` may be on their way at once,
 * also before the first `begin` and while the log is unreachable. A follower's methods are called one
 * after the other, and may be called from within `follow` and `append`.
 *
 * **Errors.** A log hides a broken connection: it reconnects by itself, with a back-off, and calls
 * `disconnected` and `connected` of its follower. Records that were appended meanwhile are stored
 * afterwards, once. A promise rejects where that can't help.
 *
 * **Shutdown.** The hub calls `close` once, when nothing is sent any more. The follower is not called
 * after that.
 */
export interface Log {
  /** Sets the follower. Called once, before everything else. Throws if it was called before. */
  follow(follower: LogFollower): void;
  /**
   * Stores a record, and gives its place: at once, or when the log has it for sure.
   *
   * Rejects with the reason of `signal` once that aborts: nobody waits for the record any more. From
   * then on the record must not be stored, if it is not under way already. Rejects with an SseError
   * `ERR_SSE_LOG_REFUSED` where the log will never take the record: nothing was stored.
   */
  append(record: LogRecord, signal: AbortSignal): EventId | Promise<EventId>;
  /**
   * Gives the entries above a sequence in the current epoch: the oldest that are left, in order, at
   * most `limit`, and at least one. Empty only if all entries up to the follower's head are gone.
   * Rejects where the log is unreachable. Left out by a log that has no more than its follower keeps.
   */
  read?(after: number, limit: number): Promise<LogEntry[]>;
  /**
   * Gives the entries above a sequence in the current epoch that are for one of these rooms or for all clients, as far
   * as they are kept: the oldest, in order, at most `limit`, and none that is ephemeral. Rejects where the log is
   * unreachable. Left out by a log that has no index of its rooms: the hub reads all entries then.
   */
  readRooms?(after: number, limit: number, rooms: readonly string[]): Promise<LogPage>;
  /**
   * Gives the sequence right before the newest `count` entries that are for one of these rooms or for all clients;
   * before all that are kept, where there are fewer. Ephemeral entries don't count. Rejects where the log is
   * unreachable. Left out by a log that has no index of its rooms: the hub reads the whole log then.
   */
  last?(count: number, rooms: readonly string[]): Promise<number>;
  /**
   * Says how much each room should keep, where the log's own options don't, and gives how much it does keep. Called before
   * `follow`. Left out by a log that has one bound for all entries.
   */
  keepRooms?(wanted: RoomBounds): RoomBounds;
  /** Drops what a room keeps: nobody will ask for it. Left out by a log that drops rooms by their age alone. */
  dropRoom?(room: string): void;
  /**
   * Resolves when the follower was given all that was stored before the call. Rejects where the log is
   * unreachable. Left out by a log whose follower is never behind.
   */
  caughtUp?(): Promise<void>;
  /** Ends what `follow` began, and what is on its way. Left out by a log that holds nothing open. */
  close?(): Promise<void>;
}
