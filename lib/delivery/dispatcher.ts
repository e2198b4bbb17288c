// delivery/: which client is written to next, who waits for that, and the way of events into the log.

import type { Cursor } from '../client/cursor.js';
import type { Notices } from '../client/notices.js';
import { Watermark } from '../util/watermark.js';
import type { GapReason } from '../window/gap.js';
import type { Past } from '../window/page-windows.js';
import { MOST_PAGES, type PageReader, Pages } from '../window/pages.js';
import type { Ring } from '../window/ring.js';
import type { Pushed } from '../window/window.js';
import type { DispatcherHooks, DispatcherSettings } from './dispatcher-hooks.js';
import { Heartbeat } from './heartbeat.js';
import { createLimiter } from './limiter.js';
import { Pace } from './pace.js';
import { Rounds } from './rounds.js';
import { SlowClients } from './slow-clients.js';
import { Turns } from './turns.js';

/**
 * Decides which client is flushed next.
 *
 * A visit writes the client's next batch, and never waits for a peer: a blocked one is queued for its next
 * visit when it has drained.
 */
export class Dispatcher {
  readonly #ring: Ring;
  readonly #notices: Notices;
  readonly #settings: DispatcherSettings;
  readonly #hooks: DispatcherHooks;
  /** Undefined where the log keeps no more than the ring. */
  readonly #pages: Pages | undefined;
  readonly #turns: Turns<Cursor>;
  readonly #rounds = new Rounds();
  /** How far all writable clients were offered the ring's entries. */
  readonly #offered = new Watermark();
  readonly #slow: SlowClients;
  readonly #pace: Pace;
  readonly heartbeat: Heartbeat;

  constructor(
    ring: Ring,
    notices: Notices,
    cursors: ReadonlySet<Cursor>,
    settings: DispatcherSettings,
    hooks: DispatcherHooks,
    past?: Past,
  ) {
    this.#ring = ring;
    this.#notices = notices;
    this.#settings = settings;
    this.#hooks = hooks;
    const fetched = (reader: PageReader) => this.#fetched(reader as Cursor);
    this.#pages = past && new Pages(past, ring, createLimiter(MOST_PAGES), fetched);
    this.#turns = new Turns(settings.concurrency, {
      preload: (cursor: Cursor) => {
        if (cursor.isBehind) cursor.sink.preload();
      },
      visit: (cursor, now) => this.#visit(cursor, now),
      passed: () => this.#passed(),
    });
    this.#slow = new SlowClients(settings, (cursor, why) => this.#handleSlow(cursor, why));
    this.#pace = new Pace((cursor) => this.#giveUp(cursor));
    this.heartbeat = new Heartbeat(settings.keepAlive, cursors, (cursor) => this.#beat(cursor));
  }

  /** Whether every client has everything. */
  get isIdle(): boolean {
    return this.#turns.isIdle && this.#slow.size === 0 && this.#pages?.areInUse !== true;
  }

  /** The newest entry that all writable clients were offered. */
  get offered(): number {
    return this.#offered.position;
  }

  /** Takes on a new client. `open` is what its sink said of the first write. */
  admit(cursor: Cursor, open: boolean): void {
    this.heartbeat.note(cursor);
    cursor.conflates = cursor.isBehind;
    this.#settle(cursor, open);
    this.heartbeat.start();
  }

  /** The ring has a new entry, for these clients. */
  offer(audience: Iterable<Cursor>, pushed: Pushed): void {
    for (const cursor of audience) this.#offerTo(cursor, pushed);
    this.#rounds.begin(this.#ring.head);
    this.#turns.set();
  }

  #offerTo(cursor: Cursor, { bytes, replaces }: Pushed): void {
    if (cursor.state === 'idle') {
      this.#queue(cursor, this.#ring.head - 1);
    } else if (
      (cursor.state === 'blocked' || cursor.isHeld) &&
      !cursor.isFinishing &&
      // What waits for one that paces the senders is bounded by the publish queue.
      !this.#pace.has(cursor) &&
      // An entry that replaces one which was counted already makes the client lag no further.
      replaces <= cursor.blockedAt
    ) {
      this.#slow.count(cursor, bytes);
    }
  }

  /** An event of so many bytes waits for this client alone. */
  wake(cursor: Cursor, bytes: number): void {
    if (this.#isResting(cursor)) this.#queue(cursor);
    else if (cursor.state === 'blocked' || cursor.state === 'waiting') {
      this.#slow.count(cursor, bytes);
    }
  }

  /** Whether what is for it alone may be written now. */
  #isResting({ state, isHeld }: Cursor): boolean {
    return state === 'idle' || (state === 'waiting' && isHeld);
  }

  /** The client's snapshot is over. */
  begin(cursor: Cursor): void {
    if (cursor.beginning?.isHeld !== true) return;
    const isResting = this.#isResting(cursor);
    cursor.beginning.isHeld = false;
    if (cursor.state !== 'blocked') this.#slow.release(cursor);
    cursor.resetLag();
    cursor.conflates = true;
    if (isResting) this.#queue(cursor);
  }

  /**
   * Calls back when all writable clients were offered the ring's entries of now, and not before the
   * next turn of the event loop.
   */
  whenOffered(passed: () => void): void {
    this.#offered.when(this.#ring.head, passed);
    this.#turns.set();
  }

  /**
   * The ring begins anew where `begin` leaves it, and nobody can be given what was before: clients are
   * notified of that, and go on from there.
   */
  restart(cursors: Iterable<Cursor>, begin: () => void, reason: GapReason): void {
    this.#rounds.clear();
    this.#pages?.clear();
    begin();
    this.#notices.restart();
    for (const cursor of cursors) {
      if (cursor.state === 'ended') continue;
      cursor.lose(reason);
      if (cursor.state === 'idle' || cursor.state === 'waiting') this.#queue(cursor);
    }
    this.#offered.restart(this.#ring.head);
  }

  /** The client's stream is to be ended once it has what is in the ring now. */
  finish(cursor: Cursor, end: number | undefined): void {
    cursor.finish(end);
    if (this.#isResting(cursor)) this.#queue(cursor);
  }

  drained(cursor: Cursor): void {
    if (cursor.state !== 'blocked') return;
    this.#slow.release(cursor);
    this.#pace.release(cursor);
    cursor.resetLag();
    this.#settle(cursor, true);
  }

  /** The client is gone. */
  forget(cursor: Cursor): void {
    this.#slow.release(cursor);
    this.#pace.forget(cursor);
    this.#pages?.leave(cursor);
    this.#turns.set();
  }

  /** What becomes of a client after a write. */
  #settle(cursor: Cursor, open: boolean): void {
    if (!open) this.#block(cursor);
    else if (cursor.isHeld && !cursor.isBehind && !cursor.isFinishing) {
      cursor.become('waiting');
      this.#slow.watch(cursor);
    } else if (cursor.readsPage) {
      if (this.#pages?.enter(cursor)) this.#queue(cursor);
      else cursor.become('waiting');
    } else if (cursor.isBehind || cursor.isFinishing) {
      this.#pages?.leave(cursor);
      this.#queue(cursor);
      this.#rounds.hold(cursor.position);
    } else {
      this.#pages?.leave(cursor);
      cursor.conflates = false;
      cursor.become('idle');
    }
  }

  #fetched(cursor: Cursor): void {
    cursor.resetLag();
    if (cursor.state === 'waiting') this.#queue(cursor);
  }

  #queue(cursor: Cursor, position = cursor.position): void {
    cursor.become('queued', position);
    this.#rounds.queued();
    this.#turns.queue(cursor);
  }

  #passed(): void {
    const over = this.#rounds.over(this.#pace.floor);
    if (over !== undefined) this.#hooks.offered(over);
    this.#offered.advance(over ?? this.#offered.position);
  }

  #visit(cursor: Cursor, now: number): void {
    this.#rounds.visited();
    if (cursor.state !== 'queued') return;
    this.heartbeat.note(cursor);
    const { isBehind } = cursor;
    let open = true;
    if (cursor.lacksPage || (!isBehind && !cursor.isFinishing)) {
      open = cursor.sink.write(this.#notices.heartbeat(cursor));
    } else if (isBehind) {
      const { counters } = cursor.host;
      const before = counters.bytes;
      open = cursor.flush();
      const written = counters.bytes - before;
      this.#pace.wrote(cursor, written);
      this.#slow.wrote(cursor, written, now);
    }
    if (cursor.state !== 'queued') return;
    if (open && cursor.isFinishing && !cursor.isBehind) this.#end(cursor);
    else this.#settle(cursor, open);
  }

  #end(cursor: Cursor): void {
    if (cursor.farewell !== undefined) cursor.sink.write(cursor.farewell);
    cursor.become('ended');
    this.#pages?.leave(cursor);
    cursor.sink.end();
    // A peer that doesn't receive the end would keep the response for ever.
    this.#slow.watch(cursor);
  }

  #block(cursor: Cursor): void {
    cursor.become('blocked');
    this.#pages?.leave(cursor);
    cursor.conflates = true;
    cursor.blockedAt = this.#ring.head;
    cursor.resetLag();
    this.#slow.watch(cursor);
    this.#pace.hold(cursor);
  }

  /** A blocked client paces the senders no longer: what is accepted from here on counts against it. */
  #giveUp(cursor: Cursor): void {
    cursor.blockedAt = this.#ring.head;
    cursor.resetLag();
    this.#turns.set();
  }

  #handleSlow(cursor: Cursor, why: string): void {
    this.#slow.release(cursor);
    const { slowClient, clientQueueSize, clientQueueBytes } = this.#settings;
    if (
      slowClient === 'disconnect' ||
      cursor.isFinishing ||
      cursor.isHeld ||
      cursor.direct?.exceeds(clientQueueSize, clientQueueBytes)
    ) {
      this.#hooks.slow(cursor, why);
      return;
    }
    const events = cursor.skip();
    if (events > 0) this.#hooks.dropped(cursor, events, why);
    this.#block(cursor);
  }

  #beat(cursor: Cursor): void {
    if (cursor.isFinishing) return;
    if (cursor.state === 'idle' || cursor.state === 'waiting') this.#queue(cursor);
  }
}
