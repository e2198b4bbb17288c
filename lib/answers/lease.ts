/** How often a process says that it is alive, and how often the others look, in ms. */
const RENEWAL = 500;
const LOOK = 250;

/** After how long a silence a process counts as gone, in ms. One that was blocked for three seconds is not. */
const SILENCE = 4000;

/** What leases are about. */
export interface LeaseHost {
  /** The other processes that answers run in. */
  producers(): Iterable<string>;
  /** Whether answers run here. */
  isProducing(): boolean;
  renew(): void;
  /** Resolves when this process has heard all that was said before the call. */
  caughtUp(): Promise<void>;
  /** A process is gone. Called again until it has no answers any more. */
  gone(producer: string): void;
}

/**
 * Notices processes that are gone with answers unfinished. Silence is counted in looks, none of which counts for more than
 * twice its time: a process that was blocked itself finds nobody gone. A look counts only where the log has answered since
 * the one before: in a log that stands still, nobody is heard.
 */
export class Leases {
  readonly #host: LeaseHost;
  readonly #silences = new Map<string, number>();
  readonly #timers: readonly NodeJS.Timeout[];
  #lookedAt = performance.now();
  #isListening = true;
  #isAsking = false;
  #hasAnswered = false;

  constructor(host: LeaseHost) {
    this.#host = host;
    this.#timers = [
      setInterval(() => host.isProducing() && host.renew(), RENEWAL),
      setInterval(() => this.#look(), LOOK),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  /** There is a sign of life of a process. */
  alive(producer: string): void {
    this.#silences.delete(producer);
  }

  /** While the log is unreachable, nobody can be heard. */
  listen(isListening: boolean): void {
    if (this.#isListening === isListening) return;
    this.#isListening = isListening;
    this.#silences.clear();
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #look(): void {
    const now = performance.now();
    const passed = Math.min(now - this.#lookedAt, 2 * LOOK);
    this.#lookedAt = now;
    if (!this.#isListening) return;
    const producers = new Set(this.#host.producers());
    const hasAnswered = this.#hasAnswered;
    if (producers.size > 0) void this.#ask();
    if (!hasAnswered) return;
    for (const producer of this.#silences.keys()) {
      if (!producers.has(producer)) this.#silences.delete(producer);
    }
    for (const producer of producers) {
      const silence = (this.#silences.get(producer) ?? 0) + passed;
      this.#silences.set(producer, silence);
      if (silence > SILENCE) this.#host.gone(producer);
    }
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#hasAnswered = false;
    this.#hasAnswered = await this.#host.caughtUp().then(
      () => true,
      () => false,
    );
    this.#isAsking = false;
  }
}
