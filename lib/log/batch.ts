/**
 * How much is written to a client before it is asked whether it takes more. So a client that stalls
 * holds no more than this, and joined copies for a stalled crowd can't fill the heap.
 */
export const BATCH_BYTES = 64 * 1024;

/** Whole frames in a row, built once and written to every client that is due just these. */
export class Batch {
  /** The same bytes as a transport frames them, kept here so that they are framed once as well. */
  framed: Buffer | undefined;
  #parts: Batch[] | undefined;

  constructor(
    readonly bytes: Buffer,
    /** The cursor of a client that was given it. */
    readonly last: number,
    readonly events: number,
  ) {}

  /** For an event that is larger than what is written at a time. */
  get parts(): readonly Batch[] {
    this.#parts ??= Array.from(
      { length: Math.ceil(this.bytes.length / BATCH_BYTES) },
      (_, index) => {
        const start = index * BATCH_BYTES;
        return new Batch(this.bytes.subarray(start, start + BATCH_BYTES), this.last, 0);
      },
    );
    return this.#parts;
  }
}
