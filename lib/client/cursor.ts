import { Watermark } from '../util/watermark.js';
import { BATCH_BYTES, type Batch, Parts } from '../window/batch.js';
import { type Gap, type GapReason, join } from '../window/gap.js';
import type { Reader } from '../window/held.js';
import type { Page, PageReader } from '../window/pages.js';
import type { Window } from '../window/window.js';
import type { Beginning } from './beginning.js';
import { DirectEvents } from './direct.js';
import type { CursorHost } from './host.js';
import type { Place } from './locator.js';
import type { NoticeTypes } from './notices.js';
import { Presence } from './presence.js';
import type { Sink, SinkOwner } from './sink.js';
import { type CursorState, WAITING } from './state.js';

/** One client's place in the log, over a sink. */
export class Cursor extends Presence<Cursor> implements SinkOwner, Reader, PageReader {
  // There may be many. So what every visit looks at comes first, and what most never need is made when it is asked for.
  #state: CursorState = 'queued';
  /** Undefined while it is idle: then the head is its position, and an event for others costs nothing. */
  #position: number | undefined;
  readonly stateTo: number;
  /** What its client is to be notified of before anything else: it was left out below the position. */
  #gap: Gap | undefined;
  /** What is left of an event whose beginning is written. */
  #rest: Parts | undefined;
  /** It gets nothing above this sequence, and is ended there. */
  #end: number | undefined;
  /** Until it has everything there was when it came, where its client is notified of that. */
  beginning: Beginning | undefined;
  direct: DirectEvents | undefined;
  #given: Watermark | undefined;
  /** Since it was blocked, or connected, it has not had everything yet. */
  conflates = false;
  /** The heartbeat's tick at which it was last written to. */
  writtenAt = 0;
  /** How many bytes a slow reader would not have read yet at `unreadAt`, on `performance.now()`'s clock. */
  unread = 0;
  unreadAt = 0;
  page: Page | undefined;
  share: number | undefined;
  /** Written last of all, before the stream is ended. */
  farewell: Batch | undefined;
  replayed: ((bytes: number) => void) | undefined;
  /** What was accepted for it since it was blocked, and the head at that time. */
  lagEvents = 0;
  lagBytes = 0;
  blockedAt = 0;
  /** When its stream is to end, on `performance.now()`'s clock; undefined where it has no end. */
  expiresAt: number | undefined;
  readonly joinedAt: number;
  /** Of what was lost up to here its client is notified already. */
  #lossesTo: number;

  constructor(
    readonly sink: Sink,
    override readonly host: CursorHost<Cursor>,
    place: Place,
    readonly noticeTypes: NoticeTypes,
    readonly left: () => void,
  ) {
    super(host);
    this.#position = place.position;
    this.#lossesTo = place.lossesTo;
    this.stateTo = place.stateTo;
    this.joinedAt = host.ring.head;
    sink.bind(this);
  }

  get state(): CursorState {
    return this.#state;
  }

  /** The sequence of the last event it was given. */
  get position(): number {
    return this.#position ?? this.host.ring.head;
  }

  /** What becomes of it. Where it was idle, it stands at `position` from here on. */
  become(state: CursorState, position = this.position): void {
    this.#state = state;
    this.#position = state === 'idle' ? undefined : position;
    if (this.#given !== undefined) this.#noteGiven(this.#given);
  }

  /** Whether it gets nothing of the log for now. */
  get isHeld(): boolean {
    return this.beginning?.isHeld === true;
  }

  /** Sends a frame to this client alone, right after what was accepted so far; within a snapshot, before all of it. */
  async send(frame: Buffer): Promise<void> {
    if (this.isLeaving) return;
    this.direct ??= new DirectEvents();
    const sent = this.direct.add(this.isHeld ? this.position : this.host.ring.head, frame);
    this.host.wake(this, frame.length);
    return sent;
  }

  /**
   * Gives it nothing more than what is in the ring now, or up to `end`. An event of the log would take it past a snapshot that it
   * does not have.
   */
  finish(end = this.isHeld ? this.position : this.host.ring.head): void {
    this.#end = end;
  }

  /** Whether it gets nothing more but what it was due before. */
  get isFinishing(): boolean {
    return this.#end !== undefined;
  }

  get isLeaving(): boolean {
    return this.isFinishing || this.#state === 'gone';
  }

  /** It is over: nothing is written from here on. */
  retire(): void {
    this.become('gone');
    this.depart();
    this.direct?.drop();
    this.left();
  }

  drained(): void {
    if (this.#rest === undefined) this.direct?.resume();
    this.host.drained(this);
  }

  closed(): void {
    this.host.closed(this);
  }

  /** How many entries it is behind the head, whether they are for it or not. */
  get lag(): number {
    return this.host.ring.head - this.position;
  }

  /** The last of the entries up to `head` that it is given. */
  #lastDue(head: number): number {
    if (this.isHeld) return this.position;
    return this.#end === undefined ? head : Math.min(head, this.#end);
  }

  /** Whether something waits for it that is not written yet, of what is in the ring. */
  get isBehind(): boolean {
    return this.#owes || this.position < this.#lastDue(this.host.ring.head);
  }

  /** Whether something beside the log's next events waits for it. */
  get #owes(): boolean {
    return this.#owesEvents || this.#gap !== undefined || this.#hasBegun;
  }

  /** Whether its client is to be notified that it has everything there was. */
  get #hasBegun(): boolean {
    return this.beginning?.isOver(this.position) === true;
  }

  get #owesEvents(): boolean {
    return this.#rest !== undefined || (this.direct?.unwritten ?? 0) > 0;
  }

  /** Whether what it is due next has to be read from the log, and is not here yet. */
  get lacksPage(): boolean {
    return this.readsPage && this.page?.window === undefined;
  }

  /** Whether what it is due next has to be read from the log. */
  get readsPage(): boolean {
    const { ring } = this.host;
    return (
      ring.reaches &&
      this.position < Math.min(ring.trimmedTo, this.#lastDue(ring.head)) &&
      this.#rest === undefined &&
      this.#gap === undefined &&
      (this.direct?.due ?? Number.POSITIVE_INFINITY) > this.position
    );
  }

  /** Resolves when all that waits for it now is written, or dropped. */
  given(): Promise<void> {
    this.#given ??= new Watermark();
    const given = this.#given;
    return new Promise((resolve) => {
      given.when(this.host.ring.head, () => resolve());
      this.#noteGiven(given);
    });
  }

  #noteGiven(given: Watermark): void {
    const waits = WAITING.includes(this.#state);
    // A gap alone drops what is before it, whether or not a blocked peer can be notified.
    if (waits && (this.#state === 'blocked' ? this.#owesEvents : this.#owes)) return;
    const hasAll = !waits || (this.#end !== undefined && this.position >= this.#end);
    given.advance(hasAll ? this.host.ring.head : this.position);
  }

  /** What waits for it is counted anew. */
  resetLag(): void {
    this.lagEvents = 0;
    this.lagBytes = 0;
  }

  /** Everything up to the ring's head is lost to it, for this reason. */
  lose(reason: GapReason): void {
    const { head } = this.host.ring;
    this.#gap = join(this.#gap, { reason });
    this.blockedAt = head;
    this.resetLag();
    if (this.#end !== undefined) this.#end = head;
    this.direct?.move(head);
    this.beginning?.restart(head);
    // Positions of before mean nothing any more, and nothing is left to be given of that time.
    this.#given?.restart(0);
    this.become(this.#state, head);
  }

  /** Drops the log's events that wait for it, and returns how many those are. A gap event will follow. */
  skip(): number {
    const { ring } = this.host;
    let missed = 0;
    if (ring.reaches && this.position < ring.trimmedTo) {
      missed = ring.head - this.position;
      this.#gap = join(this.#gap, { reason: 'slow' });
    } else {
      this.#passTrimmed(ring);
      missed = ring.count(this);
      if (missed > 0) this.#gap = join(this.#gap, { reason: 'slow', missed });
    }
    this.#position = ring.head;
    this.direct?.move(ring.head);
    this.#given?.advance(ring.head);
    return missed;
  }

  /** Writes one batch of what it lacks; false when its peer is blocked. */
  flush(): boolean {
    const { ring, notices, counters } = this.host;
    if (this.#rest !== undefined) return this.#writePart(this.#rest);
    const window = this.position < ring.trimmedTo ? (this.page?.window ?? ring) : ring;
    this.#passTrimmed(window);
    if (this.#gap !== undefined) {
      const notice = notices.gap(this.#gap, this.position);
      this.#gap = undefined;
      counters.gaps++;
      return this.#write(notice);
    }
    const direct = this.direct?.due;
    if (direct !== undefined && direct <= this.position) {
      return this.#write((this.direct as DirectEvents).take(this.position));
    }
    if (this.#hasBegun) {
      const notice = notices.begun(this, this.beginning as Beginning);
      this.beginning = undefined;
      return this.#write(notice);
    }
    const due = this.#lastDue(direct ?? ring.head);
    const batch = window.take(this, Math.min(due, window.head));
    this.#position = batch.last;
    if (batch.events === 0) return true;
    counters.delivered += batch.events;
    if (window !== ring) this.replayed?.(batch.bytes.length);
    return this.#write(batch);
  }

  #write(batch: Batch): boolean {
    if (batch.bytes.length <= BATCH_BYTES) return this.#writeAll(batch);
    this.#rest = new Parts(batch);
    return this.#writePart(this.#rest);
  }

  #writePart(parts: Parts): boolean {
    const part = parts.next();
    if (!parts.areLeft) this.#rest = undefined;
    const open = this.#writeAll(part);
    parts.taken(open);
    return open;
  }

  #writeAll(batch: Batch): boolean {
    this.host.counters.bytes += batch.bytes.length;
    const open = this.sink.write(batch);
    if (open && this.#rest === undefined) this.direct?.resume();
    return open;
  }

  /** Entries that were dropped before it had them are a gap. */
  #passTrimmed(window: Window): void {
    const { ring } = this.host;
    if (this.position >= Math.max(window.trimmedTo, window.lost)) return;
    // What the ring lacks and the log has is no gap: it is read once what else is due is written.
    if (window === ring && ring.reaches) return;
    const { position, gap } = window.passTrimmed(this.position, this.#lossesTo, this.rooms);
    this.#position = position;
    if (gap === undefined) return;
    this.#gap = join(this.#gap, gap);
    this.#lossesTo = ring.trimmedTo;
  }
}
