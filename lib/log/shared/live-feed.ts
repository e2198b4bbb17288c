import { SseError } from '../../errors.js';
import { withTimeLimit } from '../../util/time-limit.js';
import { Watermark } from '../../util/watermark.js';
import type { LogFollower } from '../log.js';
import type { Connection } from './connection.js';
import type { Extent, StoredEntry } from './engine.js';
import type { NewestPlace } from './place.js';
import { FOREIGN } from './record.js';

/** How often the engine is asked what it has, in ms, while entries arrive. */
const SYNC_INTERVAL = 1000;

/** How often in a row entries may be of another epoch than the engine says it is in. */
const MOST_STRANGE = 3;

/** How many entries that should have arrived are asked for. */
const LOOK = 100;

/** How long `reached` waits at most, in ms. */
const CATCH_UP_LIMIT = 30_000;

/** What the live feed reports, beside what its follower is given. */
export interface LiveFeedHooks {
  /** The engine is unreachable; it was reachable until `since`, on `performance.now()`'s clock. */
  disconnected(since: number): void;
  /** The engine is reachable again. */
  connected(): void;
}

/** Gives a follower all entries of an engine as they are stored, whatever happens to the connection. */
export class LiveFeed {
  readonly #connection: Connection;
  readonly #newest: NewestPlace;
  readonly #follower: LogFollower;
  readonly #hooks: LiveFeedHooks;
  /** How far the follower was given the entries, for each epoch that is waited for. */
  readonly #given = new Map<string, Watermark>();
  /** The last entry that the follower was given. */
  #sequence = 0;
  #isUnreachable = false;
  /** How often in a row there were entries of another epoch. */
  #strange = 0;
  epoch = '';
  /** The sequence before the first entry of this epoch. */
  start = 0;

  constructor(
    connection: Connection,
    newest: NewestPlace,
    follower: LogFollower,
    hooks: LiveFeedHooks,
  ) {
    this.#connection = connection;
    this.#newest = newest;
    this.#follower = follower;
    this.#hooks = hooks;
    void this.#run();
  }

  /** Resolves when the follower has all that the engine had. Rejects when the connection breaks. */
  reached({ epoch, head }: Extent): Promise<void> {
    const isThere = new Promise<void>((resolve, reject) => {
      if (this.#connection.isClosed) return reject(closed());
      let given = this.#given.get(epoch);
      if (given === undefined) {
        given = new Watermark();
        this.#given.set(epoch, given);
      }
      given.when(head, (reason) => (reason === undefined ? resolve() : reject(reason)));
      this.#noteGiven();
    });
    return withTimeLimit(isThere, CATCH_UP_LIMIT, 'to catch up with the log');
  }

  /** The entries of this epoch. Throws where there are none but others: the log was reset. */
  ownOf(entries: readonly StoredEntry[]): StoredEntry[] {
    const own = entries.filter(({ epoch, isForeign }) => isForeign || epoch === this.epoch);
    if (own.length === 0 && entries.length > 0) throw new Error('the log was reset');
    return own;
  }

  /** Rejects all waits. */
  close(): void {
    this.#rejectWaits(closed());
  }

  async #run(): Promise<void> {
    let workedAt = Number.NEGATIVE_INFINITY;
    let syncedAt = Number.NEGATIVE_INFINITY;
    let head = 0;
    while (!this.#connection.isClosed) {
      try {
        if (performance.now() - syncedAt >= SYNC_INTERVAL) {
          const extent = await this.#connection.use((session) => session.sync(this.#newest.known));
          if (this.#connection.isClosed) break;
          this.#adopt(extent);
          if (this.#isUnreachable) this.#hooks.connected();
          this.#isUnreachable = false;
          head = extent.head;
          syncedAt = performance.now();
        }
        const entries = await this.#connection.use((session, expect) =>
          session.next(this.#sequence, expect),
        );
        if (this.#connection.isClosed) break;
        workedAt = performance.now();
        if (await this.#give(entries, head)) await this.#follower.ready();
        else syncedAt = Number.NEGATIVE_INFINITY;
      } catch (error) {
        if (this.#connection.isClosed) break;
        syncedAt = Number.NEGATIVE_INFINITY;
        this.#isUnreachable = true;
        this.#connection.reset();
        this.#follower.disconnected(error as Error);
        this.#rejectWaits(error);
        this.#hooks.disconnected(workedAt);
      }
    }
  }

  /** Gives the follower the entries. False: it needs to be known first what the engine has now. */
  async #give(entries: readonly StoredEntry[], head: number): Promise<boolean> {
    // An entry that is of another epoch over the next session as well was put there by hand.
    if (await this.#take(entries, this.#strange > 2 * MOST_STRANGE)) {
      this.#strange = 0;
      return true;
    }
    if (entries.length > 0 && ++this.#strange === MOST_STRANGE + 1) {
      throw new Error('the log holds entries of another epoch');
    }
    if (entries.length === 0 && head > this.#sequence) await this.#lookFor(head);
    return false;
  }

  #adopt({ epoch, start, trimmedTo, head }: Extent): void {
    // Entries that were trimmed meanwhile are noticed by the first entry that arrives.
    if (this.epoch === '') this.#begin(epoch, head);
    else if (this.epoch !== epoch) this.#begin(epoch, Math.max(start, trimmedTo));
    this.start = start;
    // Entries of another epoch will never arrive.
    this.#rejectWaits(new Error('the log was reset'), epoch);
    this.#follower.connected(head);
    this.#noteGiven();
  }

  #begin(epoch: string, sequence: number): void {
    this.epoch = epoch;
    this.#sequence = sequence;
    this.#newest.learn({ epoch, sequence, tag: '' });
    this.#follower.begin(epoch, sequence);
  }

  /**
   * False: there was no entry, or one of another epoch. The engine has to be asked what it has. Where the answer is
   * known, `isSure`, such an entry is a foreign one.
   */
  async #take(entries: readonly StoredEntry[], isSure = false): Promise<boolean> {
    let newest: StoredEntry | undefined;
    for (const entry of entries) {
      const isStrange = !entry.isForeign && entry.epoch !== this.epoch;
      if (isStrange && !isSure) return false;
      // The entries in between are gone: trimmed, or deleted by hand.
      if (entry.sequence > this.#sequence + 1) {
        await this.#follower.ready();
        if (this.#connection.isClosed) return true;
        this.#follower.begin(this.epoch, entry.sequence - 1);
      }
      this.#sequence = entry.sequence;
      this.#follower.entry(isStrange ? { ...FOREIGN, sequence: entry.sequence } : entry);
      // A foreign entry may lie behind all that hubs have stored: to know it would look like a loss of theirs.
      if (!isStrange && !entry.isForeign) newest = entry;
    }
    if (newest !== undefined) this.#newest.learn(newest);
    this.#noteGiven();
    return entries.length > 0;
  }

  /** An entry should have arrived, and has not: it is late, or it was deleted by hand. */
  async #lookFor(head: number): Promise<void> {
    const entries = await this.#connection.use((session, expect) =>
      session.read(this.#sequence, LOOK, expect),
    );
    if (this.#connection.isClosed) return;
    if (entries.length === 0) this.#begin(this.epoch, head);
    else await this.#take(entries);
  }

  #noteGiven(): void {
    this.#given.get(this.epoch)?.advance(this.#sequence);
  }

  #rejectWaits(reason: unknown, butFor?: string): void {
    for (const [epoch, given] of this.#given) {
      if (epoch === butFor) continue;
      this.#given.delete(epoch);
      given.restart(0, reason);
    }
  }
}

function closed(): SseError {
  return new SseError('ERR_SSE_CLOSED', 'the log is closed');
}
