/** What a browser has, and Node has not. */
interface Page {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
  readonly document?: (Page & { readonly visibilityState?: string }) | undefined;
  readonly navigator?: { readonly onLine?: boolean } | undefined;
}

const page = globalThis as Page;

/** Whether the device is known to have no network. */
export function isOffline(): boolean {
  return page.navigator?.onLine === false;
}

/** Calls back when the page is shown again, or the device is online again. Returns a function that ends it. */
export function onWake(wake: () => void): () => void {
  const woken = () => {
    if (!isHidden()) wake();
  };
  return listen([
    [page, 'online', woken],
    [page, 'pageshow', woken],
    [page.document, 'visibilitychange', woken],
  ]);
}

/** Calls back when the device has no network any more. Returns a function that ends it. */
export function onOffline(lost: () => void): () => void {
  return listen([[page, 'offline', lost]]);
}

/** Whether nobody can see the page. */
export function isHidden(): boolean {
  return page.document?.visibilityState === 'hidden';
}

/**
 * Calls `sleep` when the page is left or frozen, and `wake` when it goes on: https://wicg.github.io/page-lifecycle/ and
 * https://html.spec.whatwg.org/multipage/browsing-the-web.html#event-pagehide. Returns a function that ends it.
 */
export function onSleep(sleep: () => void, wake: () => void): () => void {
  let isAsleep = false;
  const change = (toSleep: boolean, then: () => void) => () => {
    if (isAsleep === toSleep) return;
    isAsleep = toSleep;
    then();
  };
  const [asleep, awake] = [change(true, sleep), change(false, wake)];
  return listen([
    [page, 'pagehide', asleep],
    [page, 'pageshow', awake],
    [page.document, 'freeze', asleep],
    [page.document, 'resume', awake],
  ]);
}

function listen(all: readonly (readonly [Page | undefined, string, () => void])[]): () => void {
  for (const [target, type, listener] of all) target?.addEventListener?.(type, listener);
  return () => {
    for (const [target, type, listener] of all) target?.removeEventListener?.(type, listener);
  };
}
