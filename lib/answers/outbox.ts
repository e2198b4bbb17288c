/** An event that waits to be stored. */
interface Item {
  readonly type: string;
  text: string;
  /** Whether text that follows may be added to it. */
  readonly isText: boolean;
  readonly stored: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** How long joined text may be, in characters. */
const LONGEST = 65_536;

/**
 * The events of one answer on their way into the log. Text that comes within `every` ms, or while the log is busy with what
 * was before it, is joined.
 */
export class Outbox {
  readonly #every: number;
  readonly #store: (type: string, text: string) => Promise<unknown>;
  readonly #failed: (error: unknown) => void;
  #waiting: Item[] = [];
  #cancel: (() => void) | undefined;
  #flushedAt = Number.NEGATIVE_INFINITY;
  #storing: Promise<void> | undefined;

  constructor(
    every: number,
    store: (type: string, text: string) => Promise<unknown>,
    failed: (error: unknown) => void,
  ) {
    this.#every = every;
    this.#store = store;
    this.#failed = failed;
  }

  /** Resolves when the log has it. */
  add(type: string, text: string, isText: boolean): Promise<void> {
    const last = this.#waiting.at(-1);
    if (isText && last?.isText && last.type === type && this.#every > 0) {
      if (last.text.length + text.length <= LONGEST) {
        last.text += text;
        return last.stored;
      }
    }
    const item = { type, text, isText, ...withResolvers() };
    this.#waiting.push(item);
    this.#schedule();
    return item.stored;
  }

  /** Resolves when all that was added is stored, or has failed. */
  async flushed(): Promise<void> {
    while (this.#waiting.length > 0 || this.#storing !== undefined) {
      this.#flush();
      await this.#storing;
    }
  }

  /** Nothing more is stored. */
  close(reason: unknown): void {
    this.#cancel?.();
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }

  #schedule(): void {
    if (this.#cancel !== undefined || this.#storing !== undefined) return;
    const flush = () => this.#flush();
    const wait = this.#flushedAt + this.#every - performance.now();
    if (wait > 0) {
      const timer = setTimeout(flush, wait);
      this.#cancel = () => clearTimeout(timer);
    } else {
      const immediate = setImmediate(flush);
      this.#cancel = () => clearImmediate(immediate);
    }
  }

  #flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#storing !== undefined) return;
    const items = this.#waiting;
    this.#waiting = [];
    this.#flushedAt = performance.now();
    this.#storing = this.#storeAll(items).then(() => {
      this.#storing = undefined;
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  /** At once, so that they are one write; the log keeps their order. */
  async #storeAll(items: readonly Item[]): Promise<void> {
    const stored = items.map(({ type, text, resolve, reject }) =>
      this.#store(type, text).then(
        () => resolve(),
        (error) => {
          reject(error);
          this.#failed(error);
        },
      ),
    );
    await Promise.all(stored);
  }
}

function withResolvers(): Pick<Item, 'stored' | 'resolve' | 'reject'> {
  let resolve = () => {};
  let reject = (_reason: unknown) => {};
  const stored = new Promise<void>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  // Whoever waits for it is notified; nobody need.
  stored.catch(() => {});
  return { stored, resolve, reject };
}
