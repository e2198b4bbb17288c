/** Whole frames in a row, built once and written to every client that is due just these. */
export class Batch {
  /** The same bytes as a transport frames them, kept here so that they are framed once as well. */
  framed: Buffer | undefined;

  constructor(
    readonly bytes: Buffer,
    /** The sequence of the last event in it. */
    readonly last: number,
  ) {}
}
