import { setMaxListeners } from 'node:events';
import type { Wait } from './watchdog.js';

interface Waits {
  readonly waits: Set<Wait>;
  readonly end: () => void;
}

/**
 * Ends waits when their signals abort. All the waits under a signal share one listener: a signal looks through all
 * its listeners for each that is removed, and any number of sends may wait under one.
 */
export class Abandoned {
  readonly #bySignal = new WeakMap<AbortSignal, Waits>();

  add(signal: AbortSignal, wait: Wait): void {
    const { waits } = this.#bySignal.get(signal) ?? this.#listen(signal);
    waits.add(wait);
  }

  delete(signal: AbortSignal, wait: Wait): void {
    const entry = this.#bySignal.get(signal);
    if (!entry?.waits.delete(wait) || entry.waits.size > 0) return;
    signal.removeEventListener('abort', entry.end);
    this.#bySignal.delete(signal);
  }

  #listen(signal: AbortSignal): Waits {
    const waits = new Set<Wait>();
    const end = () => {
      for (const wait of waits) wait.giveUp?.(signal.reason);
    };
    const entry = { waits, end };
    this.#bySignal.set(signal, entry);
    // The user's signal may have listeners of other hubs.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', end, { once: true });
    return entry;
  }
}
