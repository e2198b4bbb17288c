import { MAX_ID_LENGTH, parseEventId } from '../log/event-id.js';
import type { LogEntry } from '../log/log.js';
import { Losses } from './losses.js';
import { type Pushed, Window } from './window.js';

/** What an entry takes beside its bytes, about: the objects around them. */
const ENTRY_OVERHEAD = 200;

/** How much a ring keeps; each bound holds by itself. */
export interface RingBounds {
  readonly events: number;
  readonly bytes: number;
}

/** Why a cursor can't be honoured. */
export type GapReason = 'malformed' | 'oversized' | 'epoch' | 'ahead' | 'trimmed' | 'slow';

/** What a client did not get: told to it in a gap event. */
export interface Gap {
  readonly reason: GapReason;
  /** How many events, where that is known. */
  readonly missed?: number | undefined;
}

/** Where a client starts to read, and what lies between that and where it meant to. */
export interface Start {
  readonly cursor: number;
  readonly gap?: Gap | undefined;
}

/** The newest entries of a log: the window that this process's cursors move in. */
export class Ring extends Window {
  #bytes = 0;
  #losses = new Losses();

  /** `reaches`: what lies below the tail can be read from the log. */
  constructor(readonly reaches = false) {
    super('', 0);
  }

  /** The log can be told from any other, so that cursors make sense. */
  get hasBegun(): boolean {
    return this.epoch !== '';
  }

  /** Forgets everything: what comes is the entry behind `head`. */
  begin(epoch: string, head: number): void {
    this.reset(epoch, head);
    this.#bytes = 0;
    this.#losses = new Losses();
    // What came before is not here, and nobody knows for whom it was.
    this.#losses.add(head, { rooms: undefined }, false);
  }

  /** Adds the next entry. The ring does not shrink before `trim`. */
  override push(entry: LogEntry): Pushed {
    const pushed = super.push(entry);
    this.#bytes += pushed.bytes + ENTRY_OVERHEAD;
    return pushed;
  }

  /**
   * Drops the oldest entries beyond the bounds, but none above `upTo`: what has not been offered
   * to every client yet is not history.
   */
  trim(upTo: number, { events, bytes }: RingBounds): void {
    while (this.tail < upTo && (this.size > events || this.#bytes > bytes)) this.#drop();
  }

  /** Drops the entries that were added before a time, but none above `upTo`. */
  expire(upTo: number, before: number): void {
    while (this.tail < upTo && (this.oldest?.at ?? before) < before) this.#drop();
  }

  #drop(): void {
    const { held, replaced } = this.shift();
    this.#bytes -= held.frame.length + ENTRY_OVERHEAD;
    this.#losses.add(this.tail, held, replaced);
  }

  /** What a client in these rooms lost, that stands at this cursor; undefined where nothing. */
  gapAbove(cursor: number, rooms: Iterable<string>): Gap | undefined {
    if (cursor >= this.tail || !this.#losses.concern(cursor, rooms)) return undefined;
    return { reason: 'trimmed', missed: this.#losses.count(cursor, this.tail) };
  }

  /**
   * Where a client with this Last-Event-ID goes on; one without any starts at the head.
   *
   * A cursor that can't be honoured is told as a gap, and goes on with what is left.
   */
  locate(lastEventId: string | undefined, rooms: Iterable<string>): Start {
    if (lastEventId === undefined || lastEventId === '') return { cursor: this.head };
    const lost = (reason: GapReason) => ({ cursor: this.tail, gap: { reason } });
    if (lastEventId.length > MAX_ID_LENGTH) return lost('oversized');
    const id = parseEventId(lastEventId);
    if (id === undefined) return lost('malformed');
    if (id.epoch !== this.epoch) return lost('epoch');
    if (id.sequence > this.head) return lost('ahead');
    if (this.reaches) return { cursor: id.sequence };
    return {
      cursor: Math.max(id.sequence, this.tail),
      gap: this.gapAbove(id.sequence, rooms),
    };
  }
}
