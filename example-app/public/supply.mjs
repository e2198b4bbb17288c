const pause = 3000;

/**
 * What the server has at `url`, for what the stream doesn't bring: the time before it was opened, and
 * what a gap swallowed. `take` is given the list, and has to tell known from new.
 */
export function createSupply(url, take) {
  let isOutdated = true;
  let again;

  async function update() {
    if (!isOutdated) return;
    clearTimeout(again);
    isOutdated = false; // unless it is said anew meanwhile
    try {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(`GET ${url}: ${answer.status}`);
      take(await answer.json());
    } catch (error) {
      console.warn(error);
      isOutdated = true;
      again = setTimeout(update, pause);
    }
  }

  return {
    /** Fetches it, unless nothing can be missing. */
    update,
    /** Says that something may be missing. */
    outdate() {
      clearTimeout(again);
      isOutdated = true;
    },
  };
}
