/** No run takes that long; one that hangs must not hold up the others for ever. */
const TIMEOUT_MS = 240_000;

/** What the promise gives; rejects where that takes too long. */
export async function inTime(promise) {
  let timer;
  const timeout = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
