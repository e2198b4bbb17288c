import { SseError } from '../../lib/errors.js';
import type {
  Engine,
  Extent,
  Known,
  Place,
  Session,
  StoredEntry,
  StoredPage,
  Write,
} from '../../lib/log/shared/engine.js';

/** What an engine keeps. */
interface Stored {
  readonly epoch: string;
  readonly start: number;
  readonly head: number;
  readonly entries: readonly (StoredEntry & { readonly at: number })[];
  /** The last write of each writer, and where it was stored. */
  readonly writers: ReadonlyMap<string, { readonly number: number; readonly place: Place }>;
}

const NOTHING: Stored = { epoch: '', start: 0, head: 0, entries: [], writers: new Map() };

/** How much a read gives, about, and how long a session waits for a new entry, in ms. */
const PAGE_BYTES = 128 * 1024;
const WAIT = 20;

/** Runs instead of a session's call, which it may make itself, at whatever time, or not at all. */
export type Fault = (call: () => unknown) => unknown;

/** A way to the server, which breaks when the test says so. */
export class Link {
  /** How many sessions were opened, and how many were refused. */
  accepted = 0;
  refused = 0;
  #refuses = false;
  readonly #sessions = new Set<MemorySession>();
  readonly #faults = new Map<keyof Session, Fault[]>();

  refuse(on: boolean): void {
    this.#refuses = on;
  }

  /** Breaks the sessions there are. */
  cut(): void {
    for (const session of this.#sessions) session.break();
    this.#sessions.clear();
  }

  /** Has the next call of this name go another way. */
  next(name: keyof Session, fault: Fault): void {
    this.#faults.set(name, [...(this.#faults.get(name) ?? []), fault]);
  }

  open(session: MemorySession): Session {
    if (this.#refuses) {
      this.refused++;
      throw new Error('refused');
    }
    this.accepted++;
    this.#sessions.add(session);
    return session;
  }

  run<T>(name: keyof Session, call: () => T): T {
    const fault = this.#faults.get(name)?.shift();
    return (fault === undefined ? call() : fault(call)) as T;
  }
}

/** A server that keeps one log in memory, does all that an engine has to, and fails on demand. */
export class MemoryServer {
  /** What engines reach it through, unless they are direct. */
  readonly link = new Link();
  readonly #direct = new Link();
  readonly #arrivals = new Set<() => void>();
  #stored = NOTHING;
  #saved = NOTHING;
  #epochs = 0;
  #engines = 0;
  /** Whether it refuses whatever is appended, for good. */
  isFull = false;

  /** An engine of one process, which keeps as much as that says. */
  engine(history: { events?: number; age?: number } = {}, direct = false): Engine {
    const writer = `writer-${this.#engines++}`;
    const link = direct ? this.#direct : this.link;
    return {
      write: { records: 500, bytes: 1024 * 1024 },
      connect: async () => link.open(new MemorySession(this, link, writer, history)),
    };
  }

  /** Deletes all that it has. */
  lose(): void {
    this.#stored = NOTHING;
  }

  /** Remembers what it has, as a copy on its disk would. */
  save(): void {
    this.#saved = this.#stored;
  }

  /** Goes back to what it remembers. */
  restore(): void {
    this.#stored = this.#saved;
  }

  /** What is left, and a new epoch where it lacks what the caller knows. */
  look(known: Known | undefined, { events, age }: { events?: number; age?: number }): Stored {
    const { epoch, head, entries } = this.#stored;
    const there = entries.find(({ sequence }) => sequence === known?.sequence);
    const lacks =
      epoch === known?.epoch &&
      (head < known.sequence ||
        (there !== undefined && known.tag !== '' && there.tag !== known.tag));
    if (epoch === '' || known?.former.includes(epoch) || lacks) {
      this.#stored = { ...this.#stored, epoch: `e${++this.#epochs}`, start: head };
    }
    const oldest = Date.now() - (age ?? Number.POSITIVE_INFINITY);
    this.#stored = {
      ...this.#stored,
      entries: entries
        .slice(-(events ?? Number.POSITIVE_INFINITY))
        .filter(({ at }) => at >= oldest),
    };
    return this.#stored;
  }

  append(
    writer: string,
    { number, records }: Write,
    known: Known | undefined,
    history: { events?: number; age?: number },
  ): Place {
    if (this.isFull) {
      throw new SseError('ERR_SSE_LOG_REFUSED', 'full', { cause: new Error('full') });
    }
    const { epoch, head, entries, writers } = this.look(known, history);
    const last = writers.get(writer);
    if (last?.number === number) return last.place;
    if (last !== undefined && last.number > number) throw new Error('a later write is stored');
    const tag = `${writer}:${number}`;
    const place = { epoch, sequence: head + 1, tag };
    const added = records.map((record, index) => {
      return { ...record, epoch, tag, sequence: head + 1 + index, at: Date.now() };
    });
    this.#stored = {
      ...this.#stored,
      head: head + records.length,
      entries: [...entries, ...added],
      writers: new Map([...writers, [writer, { number, place }]]),
    };
    this.look(undefined, history);
    for (const arrived of this.#arrivals) arrived();
    return place;
  }

  above(sequence: number): StoredEntry[] {
    return this.#stored.entries.filter((entry) => entry.sequence > sequence);
  }

  /** Calls back at the next append, or after a while. */
  async arrival(session: MemorySession): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, WAIT);
      const arrived = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#arrivals.add(arrived);
      session.broken.catch(arrived);
    });
    this.#arrivals.clear();
  }
}

class MemorySession implements Session {
  readonly broken: Promise<never>;
  break: () => void = () => {};

  constructor(
    readonly server: MemoryServer,
    readonly link: Link,
    readonly writer: string,
    readonly history: { events?: number; age?: number },
  ) {
    this.broken = new Promise((_, reject) => {
      this.break = () => reject(new Error('broken'));
    });
    this.broken.catch(() => {});
  }

  /** What a call gives, unless the session breaks first: also while the answer is on its way. */
  async #answer<T>(name: keyof Session, call: () => T | Promise<T>): Promise<T> {
    await Promise.race([this.broken, Promise.resolve()]);
    return Promise.race([this.broken, Promise.resolve(this.link.run(name, call))]);
  }

  sync(known: Known | undefined): Promise<Extent> {
    return this.#answer('sync', () => {
      const { epoch, start, head, entries } = this.server.look(known, this.history);
      const oldest = entries[0];
      return { epoch, start, head, trimmedTo: oldest === undefined ? head : oldest.sequence - 1 };
    });
  }

  next(after: number): Promise<StoredEntry[]> {
    return this.#answer('next', async () => {
      if (this.server.above(after).length === 0) await this.server.arrival(this);
      return this.server.above(after).slice(0, 128);
    });
  }

  read(after: number, limit: number): Promise<StoredEntry[]> {
    return this.#answer('read', () => {
      const entries: StoredEntry[] = [];
      let bytes = 0;
      for (const entry of this.server.above(after)) {
        if (entries.length === limit || bytes >= PAGE_BYTES) break;
        entries.push(entry);
        bytes += entry.fields.length;
      }
      return entries;
    });
  }

  readRooms(after: number, limit: number, rooms: readonly string[]): Promise<StoredPage> {
    return this.#answer('readRooms', () => {
      const found = this.#forRooms(after, rooms);
      const entries = found.slice(0, limit);
      const { head, oldest } = this.#ends();
      const through =
        entries.length < found.length ? (entries.at(-1) as StoredEntry).sequence : head;
      return { entries, through, lost: oldest > after + 1 ? oldest - 1 : 0 };
    });
  }

  last(count: number, rooms: readonly string[]): Promise<number> {
    return this.#answer('last', () => {
      const { head, oldest } = this.#ends();
      const newest = this.#forRooms(0, rooms).reverse().slice(0, count).at(-1);
      return newest === undefined ? Math.max(head, oldest - 1) : newest.sequence - 1;
    });
  }

  #forRooms(after: number, rooms: readonly string[]): StoredEntry[] {
    return this.server
      .above(after)
      .filter((entry) => !entry.isEphemeral)
      .filter((entry) => entry.rooms?.some((room) => rooms.includes(room)) ?? true);
  }

  #ends() {
    const { head, entries } = this.server.look(undefined, this.history);
    return { head, oldest: entries[0]?.sequence ?? head + 1 };
  }

  append(write: Write, known: Known | undefined): Promise<Place> {
    return this.#answer('append', () =>
      this.server.append(this.writer, write, known, this.history),
    );
  }

  close(): void {
    this.break();
  }
}
