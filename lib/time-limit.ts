/** The promise's outcome, or a rejection where it takes longer than `limit` ms, or `signal` aborts. */
export function withTimeLimit<T>(
  work: Promise<T>,
  limit: number,
  what: string,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const over = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    const giveUp = (reason: unknown) => {
      over();
      reject(reason);
    };
    const abort = () => giveUp(signal?.reason);
    const tooLate = () => giveUp(new Error(`${what} took longer than ${limit} ms`));
    const timer = setTimeout(tooLate, limit);
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    work.then(resolve, reject).finally(over);
  });
}
