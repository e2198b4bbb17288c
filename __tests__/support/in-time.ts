const LIMIT = 90_000;

/** What the promise resolves to. Where it does not settle, the error says what was waited for: a test's time limit can't. */
export async function inTime<T>(
  what: string | (() => string),
  promise: Promise<T>,
  limit = LIMIT,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${typeof what === 'string' ? what : what()}: not after ${limit / 1000} s`));
    }, limit);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
