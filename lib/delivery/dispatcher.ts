// delivery/: who is written to next, who waits for that, and the way of events into the log.

import type { StreamClient } from '../client/cursor.js';
import { frameId } from '../frame.js';
import type { Log } from '../log/log.js';
import { Queue } from '../util/queue.js';
import { Ticker } from '../util/ticker.js';
import { Batch } from '../window/batch.js';
import { MOST_PAGES, Pages } from '../window/pages.js';
import type { GapReason, Ring } from '../window/ring.js';
import type { Pushed } from '../window/window.js';
import { createLimiter, type Job, type Limiter } from './limiter.js';

/**
 * A client that was quiet for so many of the heartbeat's ticks gets a heartbeat. The more of them,
 * the closer to `keepAlive` it comes: one that comes early puts the TCP keep-alive's probes off, and
 * nothing notices a dead peer.
 */
const QUIET_TICKS = 16;

export interface DispatcherSettings {
  readonly concurrency: number;
  readonly sendTimeout: number;
  readonly slowClient: 'disconnect' | 'skip';
  readonly clientQueueSize: number;
  readonly clientQueueBytes: number;
  readonly keepAlive: number | false;
}

/** What the dispatcher asks of the hub. */
export interface DispatcherHooks {
  /** A slow client's pending events were given up. */
  dropped(client: StreamClient, events: number, why: string): void;
  /** A slow client is to be cut off. */
  lost(client: StreamClient, why: string): void;
}

/** Somebody waits until every client was offered an event. */
interface Mark {
  readonly sequence: number;
  /** How many visits have to be over by then, of all there ever were. */
  visits: number;
  readonly passed: () => void;
}

interface Flush {
  head: number;
  readonly behind: Set<StreamClient>;
  readonly resolve: () => void;
}

/**
 * Decides who is flushed next.
 *
 * The limiter's jobs are "flush the next client". A slot is taken for one turn of the event loop, in
 * which the client's next batch is written, and is never held for a peer: one that takes no more is
 * parked outside of the limiter, and comes back through it when it has drained.
 */
export class Dispatcher {
  readonly #ring: Ring;
  readonly #clients: ReadonlyMap<string, StreamClient>;
  readonly #settings: DispatcherSettings;
  readonly #hooks: DispatcherHooks;
  /** Undefined where the log keeps no more than the ring. */
  readonly #pages: Pages | undefined;
  readonly #limit: Limiter;
  /** Are to be flushed, in this order. */
  readonly #waiting = new Queue<StreamClient>();
  /** How many of them hold a slot, and are flushed at the next turn. */
  #due = 0;
  #release: () => void = () => {};
  /** The limiter's job: to flush the client that waits longest. One for all, since there are many. */
  readonly #job: Job = (done) => {
    this.#release = done;
    this.#due++;
    this.#setTurn();
  };
  #turnIsSet = false;
  #queued = 0;
  #visited = 0;
  readonly #marks = new Queue<Mark>();
  readonly #flushes = new Set<Flush>();
  /** With the time at which each was parked; the oldest first. */
  readonly #parked = new Map<StreamClient, number>();
  #parkedTimer: NodeJS.Timeout | undefined;
  readonly #heartbeats: Ticker | undefined;
  #tick = 0;
  #heartbeat: Batch | undefined;

  constructor(
    ring: Ring,
    clients: ReadonlyMap<string, StreamClient>,
    settings: DispatcherSettings,
    hooks: DispatcherHooks,
    read?: Log['read'],
  ) {
    this.#ring = ring;
    this.#clients = clients;
    this.#settings = settings;
    this.#hooks = hooks;
    if (read !== undefined) {
      this.#pages = new Pages(read, ring, createLimiter(MOST_PAGES), (reader) =>
        this.#fetched(reader as StreamClient),
      );
    }
    this.#limit = createLimiter(settings.concurrency);
    if (settings.keepAlive !== false) {
      this.#heartbeats = new Ticker(settings.keepAlive / QUIET_TICKS, () => this.#beat());
    }
  }

  /** Whether every client has everything. */
  get isIdle(): boolean {
    return this.#limit.activeCount + this.#limit.pendingCount + this.#parked.size === 0;
  }

  /** Takes on a new client. `open` is what its sink said of the first write. */
  admit(client: StreamClient, open: boolean): void {
    client.writtenAt = this.#tick;
    client.conflates = client.isBehind();
    this.#settle(client, open);
    this.#heartbeats?.start();
  }

  /** The ring's newest entry is for this client. */
  offer(client: StreamClient, { bytes, replaces }: Pushed): void {
    if (client.state === 'idle') {
      client.cursor = this.#ring.head - 1;
      this.#queue(client);
    } else if (client.state === 'parked' && replaces <= client.parkedAt) {
      // An entry that stands for one which was counted already makes it lag no further.
      this.#lag(client, bytes);
    }
  }

  /** An event of so many bytes waits for this client alone. */
  wake(client: StreamClient, bytes: number): void {
    if (client.state === 'idle') {
      client.cursor = this.#ring.head;
      this.#queue(client);
    } else if (client.state === 'parked' || client.state === 'fetching') {
      this.#lag(client, bytes);
    }
  }

  /** Resolves when these clients have what is in the ring now, or are given up. */
  flushed(clients: Iterable<StreamClient>): Promise<void> {
    return new Promise((resolve) => {
      const behind = new Set<StreamClient>();
      for (const client of clients) if (waits(client)) behind.add(client);
      this.#flushes.add({ head: this.#ring.head, behind, resolve });
      this.#checkFlushes();
    });
  }

  /**
   * Calls back when every client has the ring's newest event or takes no more for now, and not
   * before the next turn of the event loop.
   */
  whenOffered(passed: () => void): void {
    this.#marks.push({ sequence: this.#ring.head, visits: this.#queued, passed });
    this.#setTurn();
  }

  /**
   * The ring begins anew where `begin` leaves it, and nobody can be given what came before: clients
   * are told so, and go on from there.
   */
  restart(clients: Iterable<StreamClient>, begin: () => void, reason: GapReason): void {
    // Nothing is left to wait for of what was accepted before.
    for (let mark = this.#marks.shift(); mark !== undefined; mark = this.#marks.shift()) {
      mark.passed();
    }
    this.#pages?.clear();
    begin();
    this.#heartbeat = undefined;
    for (const flush of this.#flushes) flush.head = this.#ring.head;
    for (const client of clients) {
      if (client.state === 'ended') continue;
      client.lose(reason);
      if (client.state === 'idle' || client.state === 'fetching') this.#queue(client);
    }
  }

  /**
   * A client that takes more, and needs a further visit for what it lacks, is waited for: a sender
   * that ran ahead of it would have it lose events that it was never offered.
   */
  #hold(cursor: number): void {
    for (let position = 0; position < this.#marks.size; position++) {
      const mark = this.#marks.at(position) as Mark;
      if (mark.sequence <= cursor) continue;
      // The later marks are called back after this one in any case.
      mark.visits = this.#queued;
      return;
    }
  }

  /** The client is to be ended once it has what is in the ring now. */
  finish(client: StreamClient): void {
    client.end = this.#ring.head;
    if (client.state !== 'idle') return;
    client.cursor = client.end;
    this.#queue(client);
  }

  #checkFlushes(): void {
    for (const flush of this.#flushes) {
      for (const client of flush.behind) {
        if (!waits(client) || !client.isBehind(flush.head)) flush.behind.delete(client);
      }
      if (flush.behind.size > 0) continue;
      this.#flushes.delete(flush);
      flush.resolve();
    }
  }

  drained(client: StreamClient): void {
    if (client.state !== 'parked') return;
    this.#parked.delete(client);
    client.resetLag();
    this.#settle(client, true);
  }

  /** The client is gone. */
  forget(client: StreamClient): void {
    this.#parked.delete(client);
    this.#pages?.leave(client);
    this.#checkFlushes();
  }

  /** What becomes of a client after a write. */
  #settle(client: StreamClient, open: boolean): void {
    if (!open) {
      this.#park(client);
    } else if (client.readsPage) {
      if (this.#pages?.enter(client)) this.#queue(client);
      else client.state = 'fetching';
    } else if (client.isBehind() || client.leaving) {
      this.#pages?.leave(client);
      this.#queue(client);
      this.#hold(client.cursor);
    } else {
      this.#pages?.leave(client);
      client.state = 'idle';
      client.conflates = false;
    }
  }

  #fetched(client: StreamClient): void {
    client.resetLag();
    if (client.state === 'fetching') this.#queue(client);
  }

  #queue(client: StreamClient): void {
    client.state = 'queued';
    this.#queued++;
    this.#waiting.push(client);
    this.#limit(this.#job);
  }

  #setTurn(): void {
    if (this.#turnIsSet) return;
    this.#turnIsSet = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#turnIsSet = false;
    const due = this.#due;
    this.#due = 0;
    for (let visits = 0; visits < due; visits++) {
      this.#visited++;
      this.#visit(this.#waiting.shift() as StreamClient);
      this.#release();
    }
    // Not those that come meanwhile: while nobody takes any, they would go on coming.
    for (let left = this.#marks.size; left > 0; left--) {
      if ((this.#marks.at(0) as Mark).visits > this.#visited) break;
      this.#marks.shift()?.passed();
    }
    this.#checkFlushes();
  }

  #visit(client: StreamClient): void {
    if (client.state !== 'queued') return;
    client.writtenAt = this.#tick;
    let open = true;
    if (client.lacksPage) open = client.sink.write(this.#heartbeatBatch(client.cursor));
    else if (client.isBehind()) open = client.flush();
    else if (!client.leaving) open = client.sink.write(this.#heartbeatBatch(this.#ring.head));
    if (client.state !== 'queued') return;
    if (open && client.leaving && !client.isBehind()) this.#endNow(client);
    else this.#settle(client, open);
  }

  #endNow(client: StreamClient): void {
    if (client.farewell !== undefined) client.sink.write(client.farewell);
    client.state = 'ended';
    this.#pages?.leave(client);
    client.sink.end();
    // A peer that doesn't take the end would keep the response for ever.
    this.#watch(client);
  }

  #park(client: StreamClient): void {
    client.state = 'parked';
    this.#pages?.leave(client);
    client.conflates = true;
    client.parkedAt = this.#ring.head;
    client.resetLag();
    this.#watch(client);
  }

  #watch(client: StreamClient): void {
    this.#parked.set(client, performance.now());
    this.#parkedTimer ??= this.#checkParkedIn(this.#settings.sendTimeout);
  }

  #checkParkedIn(delay: number): NodeJS.Timeout {
    return setTimeout(() => this.#checkParked(), delay).unref();
  }

  #checkParked(): void {
    const { sendTimeout } = this.#settings;
    const now = performance.now();
    let next: NodeJS.Timeout | undefined;
    for (const [client, since] of this.#parked) {
      const left = since + sendTimeout - now;
      if (left > 0) {
        next = this.#checkParkedIn(Math.ceil(left));
        break;
      }
      this.#giveUp(client, `it took nothing for ${sendTimeout} ms`);
    }
    this.#parkedTimer = next;
  }

  #lag(client: StreamClient, bytes: number): void {
    client.lagEvents++;
    client.lagBytes += bytes;
    const { clientQueueSize, clientQueueBytes } = this.#settings;
    if (client.lagEvents > clientQueueSize) {
      this.#giveUp(client, `more than ${clientQueueSize} events wait for it`);
    } else if (client.lagBytes > clientQueueBytes && client.lagEvents > 1) {
      this.#giveUp(client, `more than ${clientQueueBytes} bytes wait for it`);
    }
  }

  #giveUp(client: StreamClient, why: string): void {
    this.#parked.delete(client);
    if (this.#settings.slowClient === 'disconnect' || client.leaving) {
      this.#hooks.lost(client, why);
      return;
    }
    const events = client.skip();
    if (events > 0) this.#hooks.dropped(client, events, why);
    // It takes more, only what it waited for did not come.
    if (client.state === 'fetching') this.#settle(client, true);
    else this.#park(client);
    this.#checkFlushes();
  }

  #beat(): boolean {
    this.#tick++;
    for (const client of this.#clients.values()) {
      if (this.#tick - client.writtenAt < QUIET_TICKS) continue;
      if (client.state === 'idle') client.cursor = this.#ring.head;
      else if (client.state !== 'fetching') continue;
      this.#queue(client);
    }
    return this.#clients.size > 0;
  }

  /** Not a comment: the id keeps the cursor of a client fresh whom no event concerned for long. */
  #heartbeatBatch(cursor: number): Batch {
    if (this.#heartbeat?.last !== cursor) {
      this.#heartbeat = new Batch(frameId(this.#ring.idOf(cursor)), cursor, 0);
    }
    return this.#heartbeat;
  }
}

function waits({ state }: StreamClient): boolean {
  return state === 'queued' || state === 'fetching' || state === 'parked';
}
