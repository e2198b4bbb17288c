/** Why a stream was not opened, or is over. */
export class StreamError extends Error {
  override readonly name = 'StreamError';
  /** The status of the response; undefined where there was none. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.status = status;
  }
}
