/** Gives the work so many ms more. */
export type Extend = (more: number) => void;

/** The outcome of a promise, or a rejection after `limit` ms, or when `signal` aborts. */
export function withTimeLimit<T>(
  work: Promise<T> | ((extend: Extend) => Promise<T>),
  limit: number,
  what: string,
  signal?: AbortSignal,
): Promise<T> {
  let over = () => {};
  const outcome = new Promise<T>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const extend = (more: number) => {
      const most = limit + more;
      clearTimeout(timer);
      timer = setTimeout(() => reject(new Error(`${what} took longer than ${most} ms`)), most);
    };
    const abort = () => reject(signal?.reason);
    over = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    extend(0);
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    (typeof work === 'function' ? work(extend) : work).then(resolve, reject);
  });
  return outcome.finally(() => over());
}
