import { setTimeout } from 'node:timers/promises';
import type { Reader } from './held.js';
import { PAGE_SIZE, PageWindows, type Past } from './page-windows.js';
import type { Ring } from './ring.js';
import { Window } from './window.js';

/** How many pages there may be at a time. So their bytes are bounded, however many readers lag. */
export const MOST_PAGES = 4;

/** After how long a page that could not be read is asked for again, in ms. */
const RETRY_DELAY = 1000;

/** Starts a job when a slot is free; the job holds it until it calls `done`. */
type Limit = (job: (done: () => void) => void) => void;

/**
 * A way of so many entries is read for all readers together: that takes fewer requests than to look for what is for the
 * rooms of each. So is a longer one, where at least this part of it is for the reader.
 */
const SHORT_WAY = 500;
const LARGE_SHARE = 0.25;

/** A reader of pages: a cursor. */
export interface PageReader extends Pick<Reader, 'position' | 'rooms' | 'stateTo'> {
  /** The page that it reads, or waits for. */
  page: Page | undefined;
  /** What part of the log was for it on its last page, from 0 to 1; undefined before it had one. */
  share: number | undefined;
}

/** Entries that the ring has dropped, read from the log for all readers that stand there. */
export interface Page {
  readonly after: number;
  /** What it has of the log: the same for readers that may share it. */
  readonly kind: string;
  readonly readers: Set<PageReader>;
  /** Undefined while the page is being read. */
  window: Window | undefined;
  /** Gives the page's slot back, if it has one. */
  done: () => void;
}

/**
 * Reads from the log what the ring has dropped, for readers that are writable. A page is kept only as
 * long as a reader is at it: a reader that is blocked leaves, and asks again.
 */
export class Pages {
  readonly #windows: PageWindows;
  readonly #ring: Ring;
  readonly #knowsRooms: boolean;
  readonly #arrived: (reader: PageReader) => void;
  readonly #limit: Limit;
  readonly #pages = new Map<string, Page>();
  /** The number of entries of the last whole page: pages begin at multiples of it, to be shared. */
  #size = PAGE_SIZE;

  /**
   * `limit` starts no more than `MOST_PAGES` at a time, and `arrived` is called with each reader
   * whose page can be read.
   */
  constructor(past: Past, ring: Ring, limit: Limit, arrived: (reader: PageReader) => void) {
    this.#windows = new PageWindows(past, ring);
    this.#ring = ring;
    this.#knowsRooms = past.readRooms !== undefined;
    this.#arrived = arrived;
    this.#limit = limit;
  }

  /** Whether somebody reads a page, or waits for one. */
  get areInUse(): boolean {
    return this.#pages.size > 0;
  }

  /** Gets the page above the reader's position. True: the page is there already. */
  enter(reader: PageReader): boolean {
    const page = this.#pageFor(reader);
    if (reader.page !== page) this.leave(reader);
    reader.page = page;
    page.readers.add(reader);
    return page.window !== undefined;
  }

  /** The reader does not need its page any more, or is blocked. */
  leave(reader: PageReader): void {
    const { page } = reader;
    if (page === undefined) return;
    reader.page = undefined;
    reader.share = page.window?.shareOf(reader.rooms) ?? reader.share;
    page.readers.delete(reader);
    if (page.readers.size > 0) return;
    const key = keyOf(page);
    if (this.#pages.get(key) === page) this.#pages.delete(key);
    if (page.window !== undefined) page.done();
  }

  /** The log was reset, or the entries are gone: all readers have to ask again. */
  clear(): void {
    for (const page of this.#pages.values()) for (const reader of page.readers) this.leave(reader);
    this.#windows.trimmedTo = 0;
  }

  #pageFor(reader: PageReader): Page {
    const { position, page: current } = reader;
    const kind = this.#kindFor(reader);
    if (current !== undefined && current.kind === kind && reaches(current, position))
      return current;
    const after = kind === ALL ? position - (position % this.#size) : position;
    const page = this.#open(after, kind);
    // A page may end before this reader: there were fewer entries then, or there is a hole in the log.
    return reaches(page, position) ? page : this.#open(position, kind);
  }

  #kindFor({ position, rooms, stateTo, share }: PageReader): string {
    const isState = stateTo > position;
    const isLong = this.#ring.trimmedTo - position > SHORT_WAY;
    // Who is in no room gets what is for everybody, which may be all there is.
    const isSparse = share === undefined ? rooms.size > 0 : share < LARGE_SHARE;
    const isGone = position < this.#windows.trimmedTo;
    if (!isState && !(this.#knowsRooms && (isGone || (isLong && isSparse)))) return ALL;
    return JSON.stringify([isState, ...[...rooms].sort()]);
  }

  #open(after: number, kind: string): Page {
    const known = this.#pages.get(keyOf({ after, kind }));
    if (known !== undefined) return known;
    const page: Page = { after, kind, readers: new Set(), window: undefined, done: () => {} };
    this.#pages.set(keyOf(page), page);
    this.#request(page);
    return page;
  }

  #request(page: Page): void {
    this.#limit((done) => {
      page.done = () => {
        page.done = () => {};
        done();
      };
      void this.#fill(page);
    });
  }

  async #fill(page: Page): Promise<void> {
    // The reader that the page is opened for enters right after this.
    await null;
    const [reader] = page.readers;
    if (reader === undefined) return page.done();
    try {
      page.window = await this.#read(page, reader);
    } catch {
      // The log's follower is notified if the log is unreachable. Other pages may succeed meanwhile.
      page.done();
      await setTimeout(RETRY_DELAY, undefined, { ref: false });
      if (page.readers.size > 0) this.#request(page);
      return;
    }
    for (const one of page.readers) this.#arrived(one);
    if (page.readers.size === 0) page.done();
  }

  async #read({ after, kind }: Page, { rooms, stateTo }: PageReader): Promise<Window> {
    if (kind !== ALL) {
      // (The reader may leave a room meanwhile.)
      const own = new Set(rooms);
      return stateTo > after ? this.#windows.state(after, own) : this.#windows.forRooms(after, own);
    }
    const window = await this.#windows.all(after);
    // There are more entries behind this page, which are read next.
    if (window.head < this.#ring.trimmedTo) this.#size = window.size;
    // What is gone may have been for others, and rooms may keep some of it.
    return window.trimmedTo > after && this.#knowsRooms ? new Window(window.epoch, after) : window;
  }
}

/** The kind of a page with all entries. */
const ALL = '';

function keyOf({ after, kind }: Pick<Page, 'after' | 'kind'>): string {
  return `${after} ${kind}`;
}

/** Whether a reader finds its next entry in a page, as far as is known. */
function reaches({ after, window }: Page, position: number): boolean {
  return after <= position && (window === undefined || window.head > position);
}
