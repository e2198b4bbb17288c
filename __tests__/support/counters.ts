import { EventSource } from 'eventsource';

/** An EventSource that comes back by itself, and what it got: one line for each event of type count. */
export interface Counter {
  readonly source: EventSource;
  readonly got: string[];
  /** Called when there is one more. */
  progress: () => void;
}

interface Hooks {
  /** A stream was opened: the first one, or another. */
  opened(): void;
  /** The line for an event. */
  note(event: { readonly data: string; readonly lastEventId: string }): string;
}

/** Opens EventSources. Resolves when each has had its ready event. */
export function openCounters(count: number, url: string, hooks: Hooks): Promise<Counter[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const source = new EventSource(url);
      const counter: Counter = { source, got: [], progress: () => {} };
      source.addEventListener('open', () => hooks.opened());
      source.addEventListener('count', (event) => {
        counter.got.push(hooks.note(event));
        counter.progress();
      });
      source.addEventListener('gap', (event) => counter.got.push(`gap ${event.data}`));
      await new Promise((resolve) => source.addEventListener('ready', resolve, { once: true }));
      return counter;
    }),
  );
}

/** Resolves when that line is the last one of each, or after so many ms. */
export async function allGot(
  counters: readonly Counter[],
  last: string,
  limit: number,
): Promise<void> {
  const deadline = Date.now() + limit;
  while (counters.some(({ got }) => got.at(-1) !== last) && Date.now() < deadline) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadline - Date.now());
      const progress = () => {
        clearTimeout(timer);
        resolve();
      };
      for (const counter of counters) counter.progress = progress;
    });
  }
}
