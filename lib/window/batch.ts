/**
 * How many bytes are written to a client before its connection is asked whether it is writable. So a
 * stalled client holds no more than this, and joined copies for a stalled crowd can't fill the heap.
 */
export const BATCH_BYTES = 64 * 1024;

/** How many bytes of one large event are written at a time to a client that takes each part at once. */
const MOST_AT_ONCE = 8 * BATCH_BYTES;

/** Whole frames in a row, built once and written to every client that is due exactly these. */
export class Batch {
  /** The same bytes in the frame of a transport, kept so that they are framed once as well. */
  framed: Buffer | undefined;
  #parts: Map<string, Batch> | undefined;

  constructor(
    readonly bytes: Buffer,
    /** The position of a client that was given the batch. */
    readonly last: number,
    readonly events: number,
  ) {}

  /** A part of an event that is too large to be written at once: `length` bytes, or the rest. */
  part(start: number, length: number): Batch {
    const key = `${start} ${length}`;
    this.#parts ??= new Map();
    let part = this.#parts.get(key);
    if (part === undefined) {
      part = new Batch(this.bytes.subarray(start, start + length), this.last, 0);
      this.#parts.set(key, part);
    }
    return part;
  }
}

/**
 * A large event on its way to one client.
 *
 * The parts double as long as the client takes each at once, since fewer writes cost less. So the first
 * part that it does not take at once is at most twice as long as the one before, and the next parts are
 * small again: a client that reads slowly, but steadily, receives each of them in time.
 */
export class Parts {
  readonly #batch: Batch;
  #written = 0;
  #length = BATCH_BYTES;

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  get areLeft(): boolean {
    return this.#written < this.#batch.bytes.length;
  }

  /** The next part. */
  next(): Batch {
    const part = this.#batch.part(this.#written, this.#length);
    this.#written += part.bytes.length;
    return part;
  }

  /** Whether the last part was taken at once. */
  taken(atOnce: boolean): void {
    this.#length = atOnce ? Math.min(2 * this.#length, MOST_AT_ONCE) : BATCH_BYTES;
  }
}
