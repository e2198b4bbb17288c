/** The outcome of a promise, or a rejection after `limit` ms, or when `signal` aborts. */
export function withTimeLimit<T>(
  work: Promise<T>,
  limit: number,
  what: string,
  signal?: AbortSignal,
): Promise<T> {
  let over = () => {};
  const outcome = new Promise<T>((resolve, reject) => {
    const tooLate = () => reject(new Error(`${what} took longer than ${limit} ms`));
    const timer = setTimeout(tooLate, limit);
    const abort = () => reject(signal?.reason);
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    over = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    work.then(resolve, reject);
  });
  return outcome.finally(() => over());
}
