import { MAX_ID_LENGTH, parseEventId } from '../log/event-id.js';
import type { Gap, GapReason } from './gap.js';
import { Losses } from './losses.js';
import { Window } from './window.js';

/** How much a ring keeps; each bound holds by itself. */
export interface RingBounds {
  readonly events: number;
  readonly bytes: number;
}

/** Where a client starts to read, and what it missed between that and where it was. */
export interface Start {
  readonly position: number;
  readonly gap?: Gap | undefined;
}

/** The newest entries of a log: the window that the cursors of this process move over. */
export class Ring extends Window {
  #losses = new Losses();

  /** `reaches`: what the ring has dropped can be read from the log. */
  constructor(readonly reaches = false) {
    super('', 0);
  }

  /** Whether the log's epoch is known, so that positions mean something. */
  get hasBegun(): boolean {
    return this.epoch !== '';
  }

  /** Forgets everything. The next entry is the one behind `head`. */
  begin(epoch: string, head: number): void {
    this.reset(epoch, head);
    this.#losses = new Losses();
    // The entries before are not here, and nobody knows which rooms they were for.
    this.#losses.add(head, { rooms: undefined }, false);
  }

  /**
   * Drops the oldest entries beyond the bounds, but none above `upTo`: an entry that some client was
   * not offered yet is not history.
   */
  trim(upTo: number, { events, bytes }: RingBounds): void {
    while (this.trimmedTo < upTo && (this.size > events || this.weight > bytes)) this.#drop();
  }

  /** Drops the entries that were added before a time, but none above `upTo`. */
  expire(upTo: number, before: number): void {
    while (this.trimmedTo < upTo && (this.oldest?.at ?? before) < before) this.#drop();
  }

  #drop(): void {
    const { held, replaced } = this.shift();
    this.#losses.add(this.trimmedTo, held, replaced);
  }

  /** What was dropped above a position that is for these rooms; undefined where nothing was. */
  gapAbove(position: number, rooms: Iterable<string>): Gap | undefined {
    if (position >= this.trimmedTo || !this.#losses.concern(position, rooms)) return undefined;
    return { reason: 'trimmed', missed: this.#losses.count(position, this.trimmedTo) };
  }

  /**
   * Where a client with this Last-Event-ID goes on; without one, a client starts at the head.
   *
   * Where the id can't be honoured, there is a gap, and the client starts at what is left. One that is no id at all
   * is nobody's place: it gets no events for it, since there may be megabytes.
   */
  locate(lastEventId: string | undefined, rooms: Iterable<string>): Start {
    if (lastEventId === undefined || lastEventId === '') return { position: this.head };
    const lost = (reason: GapReason) => ({ position: this.trimmedTo, gap: { reason } });
    const noId = (reason: GapReason) => ({ position: this.head, gap: { reason } });
    if (lastEventId.length > MAX_ID_LENGTH) return noId('oversized');
    const id = parseEventId(lastEventId);
    if (id === undefined) return noId('malformed');
    if (id.epoch !== this.epoch) return lost('epoch');
    if (id.sequence > this.head) return lost('ahead');
    if (this.reaches) return { position: id.sequence };
    return {
      position: Math.max(id.sequence, this.trimmedTo),
      gap: this.gapAbove(id.sequence, rooms),
    };
  }
}
