import { Queue } from '../util/queue.js';
import { type Held, indexAbove } from './held.js';

/** Stands for a room where an event is for everybody: rooms have names. */
export const EVERYBODY = '';

/** The window that the runs index, as they see it. */
export interface RunsHost {
  /** Everything up to this sequence has left the window's recent entries. */
  readonly trimmedTo: number;
  /** How many entries a room keeps, of those that have left. */
  readonly roomEvents: number;
  /** A room, or everybody, has lost its oldest entry. */
  dropped(room: string, held: Held): void;
}

/** The entries of one room, in order. */
class Run {
  readonly entries = new Queue<Held>();
  /** How many of the oldest have left the recent entries. */
  kept = 0;

  constructor(readonly room: string) {}

  /** The power of two that `kept` has reached, from 2 on. */
  get level(): number {
    return 30 - Math.clz32(this.kept);
  }
}

/** Goes round what a set or a map has, for ever. What was added or deleted meanwhile is noticed. */
class Carousel<T> {
  #iterator: Iterator<T> | undefined;

  constructor(readonly items: Iterable<T>) {}

  /** The next item that is wanted; undefined where none is. */
  next(isWanted: (item: T) => boolean): T | undefined {
    for (let rounds = 0; rounds < 2; rounds++) {
      this.#iterator ??= this.items[Symbol.iterator]();
      for (
        let { done, value } = this.#iterator.next();
        !done;
        { done, value } = this.#iterator.next()
      ) {
        if (isWanted(value as T)) return value as T;
      }
      this.#iterator = undefined;
    }
    return undefined;
  }
}

/**
 * An index from each room to its entries: what is for a client is found without a look at what is not.
 *
 * A room keeps its newest entries even after they have left the recent ones. Where memory is short, the rooms that
 * keep the most give first: a noisy room does not cost a quiet one its history.
 */
export class Runs {
  readonly #host: RunsHost;
  /** A single entry stands for its run: there may be a million rooms with one event each. */
  readonly #rooms = new Map<string, Run | Held>();
  readonly #sweep = new Carousel(this.#rooms);
  /** The runs that keep more than one entry, by their levels. */
  readonly #levels: { readonly runs: Set<Run>; readonly carousel: Carousel<Run> }[] = [];
  #fattest: Run | undefined;

  constructor(host: RunsHost) {
    this.#host = host;
  }

  /** A new entry. */
  add(held: Held): void {
    for (const room of roomsOf(held)) {
      held.runs++;
      const run = this.#rooms.get(room);
      if (run === undefined) this.#rooms.set(room, held);
      else {
        (run instanceof Run ? run : this.#runWith(room, run)).entries.push(held);
        this.#trim(room);
      }
    }
  }

  /** The entry has left the recent ones: the rooms alone keep it, if they do. */
  retire(held: Held): void {
    for (const room of roomsOf(held)) {
      const run = this.#rooms.get(room);
      if (run instanceof Run) this.#keep(run, 1);
      this.#trim(room);
    }
  }

  /** Drops an entry that is kept for a room; false where there is none. */
  evict(): boolean {
    const run = this.#fattestRun();
    if (run !== undefined) {
      this.#drop(run.room, run);
      return true;
    }
    const last = this.#sweep.next(([, run]) => this.#oldestKept(run) !== undefined);
    if (last !== undefined) this.#drop(...last);
    return last !== undefined;
  }

  /** Drops what rooms keep from before a time. */
  expire(before: number): void {
    for (const [room, run] of this.#rooms) {
      for (;;) {
        const oldest = this.#oldestKept(run);
        if (oldest === undefined || oldest.at >= before) break;
        this.#drop(room, run);
      }
    }
  }

  /** The entries for these rooms, or for everybody, above a sequence, each once and in order. */
  above(rooms: Iterable<string>, sequence: number): Iterable<Held> {
    const from = this.#entriesOf(rooms).map((entries) => ({
      entries,
      index: indexAbove(entries, sequence),
    }));
    return merge(from, 1);
  }

  /** The same from the newest entry to the oldest. */
  newestFirst(rooms: Iterable<string>): Iterable<Held> {
    const from = this.#entriesOf(rooms).map((entries) => ({ entries, index: entries.size - 1 }));
    return merge(from, -1);
  }

  #entriesOf(rooms: Iterable<string>): Queue<Held>[] {
    const found: Queue<Held>[] = [];
    for (const room of [EVERYBODY, ...rooms]) {
      const run = this.#rooms.get(room);
      if (run instanceof Run) found.push(run.entries);
      else if (run !== undefined) found.push(queueOf(run));
    }
    return found;
  }

  #runWith(room: string, held: Held): Run {
    const run = new Run(room);
    run.entries.push(held);
    run.kept = held.sequence <= this.#host.trimmedTo ? 1 : 0;
    this.#rooms.set(room, run);
    return run;
  }

  #trim(room: string): void {
    const most = room === EVERYBODY ? 0 : this.#host.roomEvents;
    for (;;) {
      const run = this.#rooms.get(room);
      const size = run instanceof Run ? run.entries.size : 1;
      if (run === undefined || size <= most || this.#oldestKept(run) === undefined) return;
      this.#drop(room, run);
    }
  }

  /** Its oldest entry, if that is not among the recent ones. */
  #oldestKept(run: Run | Held): Held | undefined {
    const oldest = run instanceof Run ? run.entries.at(0) : run;
    return oldest !== undefined && oldest.sequence <= this.#host.trimmedTo ? oldest : undefined;
  }

  #drop(room: string, run: Run | Held): void {
    let held: Held;
    if (run instanceof Run) {
      held = run.entries.shift() as Held;
      this.#keep(run, -1);
      if (run.entries.size === 0) this.#rooms.delete(room);
    } else {
      held = run;
      this.#rooms.delete(room);
    }
    held.runs--;
    this.#host.dropped(room, held);
  }

  #keep(run: Run, more: 1 | -1): void {
    const before = run.level;
    run.kept += more;
    const { level } = run;
    if (level === before) return;
    this.#levels[before]?.runs.delete(run);
    if (level < 0) return;
    while (this.#levels.length <= level) {
      const runs = new Set<Run>();
      this.#levels.push({ runs, carousel: new Carousel(runs) });
    }
    this.#levels[level]?.runs.add(run);
  }

  #fattestRun(): Run | undefined {
    const top = this.#levels.findLastIndex(({ runs }) => runs.size > 0);
    if (this.#fattest?.level !== top) {
      this.#fattest = this.#levels[top]?.carousel.next(() => true);
    }
    return this.#fattest;
  }
}

const FOR_ALL = [EVERYBODY];

function roomsOf({ rooms }: Held): readonly string[] {
  return rooms ?? FOR_ALL;
}

function queueOf(held: Held): Queue<Held> {
  const queue = new Queue<Held>();
  queue.push(held);
  return queue;
}

interface Head {
  readonly entries: Queue<Held>;
  index: number;
}

/** One pass over lists that may have entries in common. */
function* merge(heads: readonly Head[], step: 1 | -1): Iterable<Held> {
  for (;;) {
    let next: Held | undefined;
    for (const { entries, index } of heads) {
      const held = entries.at(index);
      if (held === undefined) continue;
      if (next === undefined || (held.sequence - next.sequence) * step < 0) next = held;
    }
    if (next === undefined) return;
    for (const head of heads) if (head.entries.at(head.index) === next) head.index += step;
    yield next;
  }
}
