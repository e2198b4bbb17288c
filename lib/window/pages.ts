import { setTimeout } from 'node:timers/promises';
import type { Log } from '../log/log.js';
import type { Ring } from './ring.js';
import { Window } from './window.js';

/** How many entries are read from a log at a time, at most: the log gives fewer large ones. */
const PAGE_SIZE = 100;

/** How many pages there may be at a time. So their bytes are bounded, however many readers lag. */
export const MOST_PAGES = 4;

/** After how long a page that could not be read is asked for again, in ms. */
const RETRY_DELAY = 1000;

/** Starts a job when a slot is free; the job holds it until it calls `done`. */
type Limit = (job: (done: () => void) => void) => void;

/** A reader of pages: a cursor. */
export interface PageReader {
  /** The sequence of the last event it was given. */
  readonly position: number;
  /** The page that it reads, or waits for. */
  page: Page | undefined;
}

/** Entries that the ring has dropped, read from the log for all readers that stand there. */
export interface Page {
  readonly after: number;
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
  readonly #read: NonNullable<Log['read']>;
  readonly #ring: Ring;
  readonly #arrived: (reader: PageReader) => void;
  readonly #limit: Limit;
  readonly #pages = new Map<number, Page>();
  /** The number of entries of the last whole page: pages begin at multiples of it, to be shared. */
  #size = PAGE_SIZE;

  /**
   * `limit` starts no more than `MOST_PAGES` at a time, and `arrived` is called with each reader
   * whose page can be read.
   */
  constructor(
    read: NonNullable<Log['read']>,
    ring: Ring,
    limit: Limit,
    arrived: (reader: PageReader) => void,
  ) {
    this.#read = read;
    this.#ring = ring;
    this.#limit = limit;
    this.#arrived = arrived;
  }

  /** Gets the page above the reader's position. True: the page is there already. */
  enter(reader: PageReader): boolean {
    const { position } = reader;
    const page = this.#pageFor(position, reader.page);
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
    page.readers.delete(reader);
    if (page.readers.size > 0) return;
    if (this.#pages.get(page.after) === page) this.#pages.delete(page.after);
    if (page.window !== undefined) page.done();
  }

  /** The log was reset, or the entries are gone: all readers have to ask again. */
  clear(): void {
    for (const page of this.#pages.values()) for (const reader of page.readers) this.leave(reader);
  }

  #pageFor(position: number, current: Page | undefined): Page {
    if (current !== undefined && reaches(current, position)) return current;
    const after = position - (position % this.#size);
    const page = this.#pages.get(after) ?? this.#open(after);
    // A page may end before this reader: there were fewer entries then, or there is a hole in the log.
    return reaches(page, position) ? page : (this.#pages.get(position) ?? this.#open(position));
  }

  #open(after: number): Page {
    const page: Page = { after, readers: new Set(), window: undefined, done: () => {} };
    this.#pages.set(after, page);
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
    if (page.readers.size === 0) return page.done();
    try {
      page.window = await this.#windowAbove(page.after);
    } catch {
      // The log's follower is notified if the log is unreachable. Other pages may succeed meanwhile.
      page.done();
      await setTimeout(RETRY_DELAY, undefined, { ref: false });
      if (page.readers.size > 0) this.#request(page);
      return;
    }
    for (const reader of page.readers) this.#arrived(reader);
    if (page.readers.size === 0) page.done();
  }

  async #windowAbove(after: number): Promise<Window> {
    const { epoch } = this.#ring;
    const read = await this.#read(after, PAGE_SIZE);
    const before = read[0] === undefined ? Number.POSITIVE_INFINITY : read[0].sequence - 1;
    // Nothing is left below the ring: all that the ring lacks is gone.
    const { trimmedTo } = this.#ring;
    const entries = before < trimmedTo ? read : [];
    const window = new Window(epoch, Math.min(before, trimmedTo));
    for (const entry of entries) {
      if (entry.sequence !== window.head + 1) break;
      window.push(entry);
    }
    // There are more entries behind this page, which are read next.
    if (window.head < trimmedTo) this.#size = window.size;
    return window;
  }
}

/** Whether a reader finds its next entry in a page, as far as is known. */
function reaches({ after, window }: Page, position: number): boolean {
  return after <= position && (window === undefined || window.head > position);
}
