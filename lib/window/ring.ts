import { MAX_ID_LENGTH, parseEventId } from '../log/event-id.js';
import type { LogEntry } from '../log/log.js';
import { Queue } from '../util/queue.js';
import type { Gap, GapReason } from './gap.js';
import { EVERY_ROOM, type Held, type Reader } from './held.js';
import { Losses } from './losses.js';
import { EVERYBODY, Runs, type RunsHost } from './runs.js';
import { type Passed, type Pushed, Window } from './window.js';

/** How much a ring keeps; each bound holds by itself. */
export interface RingBounds {
  readonly events: number;
  readonly bytes: number;
}

/** Where a client goes on that reconnects; nowhere, where its id is nobody's place. */
export type Located = Passed | (Omit<Passed, 'position'> & { readonly position: undefined });

/** So many entries are looked at one after the other: to look for them in the rooms' runs would take longer. */
const NEAR = 128;

/** So many places of ephemeral events that are over may lie between other events. */
const MOST_RELEASED = 64;

const NOTHING = Buffer.alloc(0);

/**
 * The newest entries of a log, in a row, and behind them what rooms keep beyond that: what the cursors of this
 * process move over.
 */
export class Ring extends Window implements RunsHost {
  #losses = new Losses(0);
  /** Undefined as long as all entries are for everybody: there is nothing to look for. */
  #runs: Runs | undefined;
  /** How much of the weight is that of entries that only rooms keep. */
  #keptWeight = 0;
  /** The ephemeral events among the recent entries; those that are for nobody any more are only counted. */
  readonly #unreleased = new Queue<Held>();
  #released = 0;

  /** `reaches`: what the ring has dropped can be read from the log. */
  constructor(
    readonly reaches = false,
    readonly roomEvents = 0,
  ) {
    super('', 0);
  }

  /** Whether the log's epoch is known, so that positions mean something. */
  get hasBegun(): boolean {
    return this.epoch !== '';
  }

  /** Whether nothing is kept. */
  get isEmpty(): boolean {
    return this.size === 0 && this.#keptWeight === 0;
  }

  /** Forgets everything. The next entry is the one behind `head`. */
  begin(epoch: string, head: number): void {
    this.reset(epoch, head);
    // The entries before are not here, and nobody knows which rooms they were for.
    this.#losses = new Losses(head);
    this.#runs = undefined;
    this.#keptWeight = 0;
    this.#released = 0;
    this.#unreleased.clear();
  }

  override push(entry: LogEntry): Pushed {
    const pushed = super.push(entry);
    const held = this.newest as Held;
    if (held.isEphemeral) this.#unreleased.push(held);
    else if (this.#runs !== undefined) this.#runs.add(held);
    else if (held.rooms !== undefined) this.#index();
    return pushed;
  }

  /** The entries for everybody are looked for as well from now on. */
  #index(): Runs {
    const runs = new Runs(this);
    this.each((held) => {
      if (!held.isEphemeral) runs.add(held);
    });
    this.#runs = runs;
    return runs;
  }

  /**
   * Drops the oldest entries beyond the bounds, but none above `upTo`: an entry that some client was not offered yet
   * is not history. Where there are too many bytes, the heavier half gives, of the recent entries and of those that
   * only rooms keep.
   */
  trim(upTo: number, { events, bytes }: RingBounds): void {
    const isLeft = () => this.trimmedTo < upTo;
    while (isLeft() && this.size - this.#released - this.#unreleased.size > events) this.#retire();
    while (this.weight > bytes) {
      const recentGive = isLeft() && this.#keptWeight * 2 <= this.weight;
      if (recentGive || !this.#runs?.evict()) {
        if (!isLeft()) return;
        this.#retire();
      }
    }
  }

  /** Everybody has been offered what is up to here: nothing is left of ephemeral events. */
  release(upTo: number): void {
    for (;;) {
      const held = this.#unreleased.at(0);
      if (held === undefined || held.sequence > upTo) break;
      this.#unreleased.shift();
      this.#released++;
      this.lighten(held, held.frame.length);
      held.frame = NOTHING;
    }
    // Not one by one: they lie between others.
    if (this.#released < MOST_RELEASED || this.#released * 2 < this.size) return;
    this.sweep((held) => {
      const isGone = held.frame === NOTHING;
      if (isGone) this.#losses.note(held, true);
      return isGone;
    });
    this.#released = 0;
  }

  /** Drops the entries that were added before a time, but none above `upTo`; of those that rooms keep, before another. */
  expire(upTo: number, before: number, beforeInRooms: number): void {
    while (this.trimmedTo < upTo && (this.oldest?.at ?? before) < before) this.#retire();
    this.#runs?.expire(beforeInRooms);
  }

  /** The oldest of the recent entries is one of these no more. Rooms may keep it. */
  #retire(): void {
    const held = this.shift();
    this.#losses.note(held, this.isReplaced(held));
    if (held.isEphemeral) {
      if (this.#unreleased.at(0) === held) this.#unreleased.shift();
      else this.#released--;
      this.discard(held);
    } else if (held.runs > 0) {
      this.#keptWeight += held.weight;
      this.#runs?.retire(held);
    } else if (this.#runs === undefined) this.dropped(EVERYBODY, held);
    else this.discard(held);
  }

  dropped(room: string, held: Held): void {
    if (!this.isReplaced(held)) this.#losses.add(room, held.sequence);
    if (held.runs > 0) return;
    if (this.#runs !== undefined) this.#keptWeight -= held.weight;
    this.discard(held);
  }

  /** What was lost above a position that is for these rooms; undefined where nothing was. */
  gapAbove(position: number, rooms: Iterable<string>): Gap | undefined {
    if (position >= this.trimmedTo) return undefined;
    if (rooms !== EVERY_ROOM && !this.#losses.concern(position, rooms)) return undefined;
    return { reason: 'trimmed', missed: this.#losses.count(position, this.trimmedTo) };
  }

  override passTrimmed(position: number, lossesTo: number, rooms: Iterable<string>): Passed {
    const gap = this.gapAbove(Math.max(position, lossesTo), rooms);
    return { position: this.reach(position, rooms), gap };
  }

  /** As far up from a position as there is nothing for these rooms, and all is lost that was. */
  reach(position: number, rooms: Iterable<string>): number {
    if (position >= this.trimmedTo) return position;
    if (rooms === EVERY_ROOM || this.#runs === undefined) return this.trimmedTo;
    for (const { sequence } of this.#runs.above(rooms, position)) {
      return Math.min(sequence - 1, this.trimmedTo);
    }
    return this.trimmedTo;
  }

  /** The position below the newest entries for these rooms: so many that a client that lags is given, or all there are. */
  below(
    count: number,
    rooms: Iterable<string>,
  ): { readonly position: number; readonly found: number } {
    let [position, found] = [this.head, 0];
    for (const held of (this.#runs ?? this.#index()).newestFirst(rooms)) {
      if (found === count) break;
      if (this.isReplaced(held)) continue;
      position = held.sequence - 1;
      found++;
    }
    return { position, found };
  }

  protected override distant(reader: Reader, end: number): Iterable<Held> | undefined {
    const { position, rooms } = reader;
    if (rooms === EVERY_ROOM || this.#runs === undefined) return undefined;
    if (position >= this.trimmedTo && (end - position <= NEAR || this.#unreleased.size > 0)) {
      return undefined;
    }
    return this.#runs.above(rooms, position);
  }

  /** What is looked for in the rooms' runs ends where ephemeral events may be, which are in none. */
  protected override limit(position: number, end: number): number {
    const isBelow = position < this.trimmedTo && this.#unreleased.size > 0;
    return isBelow ? Math.min(end, this.trimmedTo) : end;
  }

  /**
   * Where a client with this Last-Event-ID goes on.
   *
   * Where the id can't be honoured, there is a gap, and the client starts at what is left. One that is no id at all
   * is nobody's place: there is no position for it.
   */
  locate(lastEventId: string, rooms: Iterable<string>): Located {
    const lost = (reason: GapReason) => ({ position: this.reach(0, rooms), gap: { reason } });
    const noId = (reason: GapReason) => ({ position: undefined, gap: { reason } });
    if (lastEventId.length > MAX_ID_LENGTH) return noId('oversized');
    const id = parseEventId(lastEventId);
    if (id === undefined) return noId('malformed');
    if (id.epoch !== this.epoch) return lost('epoch');
    if (id.sequence > this.head) return lost('ahead');
    if (this.reaches) return { position: id.sequence };
    return {
      position: this.reach(id.sequence, rooms),
      gap: this.gapAbove(id.sequence, rooms),
    };
  }
}
