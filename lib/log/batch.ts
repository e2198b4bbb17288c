/**
 * How much is written to a client before it is asked whether it takes more. So a client that stalls
 * holds no more than this, and joined copies for a stalled crowd can't fill the heap.
 */
export const BATCH_BYTES = 64 * 1024;

/** Whole frames in a row, built once and written to every client that is due just these. */
export class Batch {
  /** The same bytes as a transport frames them, kept here so that they are framed once as well. */
  framed: Buffer | undefined;

  constructor(
    readonly bytes: Buffer,
    /** The cursor of a client that was given it. */
    readonly last: number,
    readonly events: number,
  ) {}
}
