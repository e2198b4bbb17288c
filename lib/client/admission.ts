/** Why a client is turned away. */
export type Refusal = 'final' | 'closed' | 'away' | 'full' | 'key';

/** Counts who is in, from before a stream is opened until it is over. */
export class Admission {
  readonly #most: number;
  readonly #mostPerKey: number;
  readonly #perKey = new Map<string, number>();
  #inside = 0;

  constructor(most: number, mostPerKey: number) {
    this.#most = most;
    this.#mostPerKey = mostPerKey;
  }

  /** Whether the key matters at all. */
  get countsKeys(): boolean {
    return this.#mostPerKey !== Number.POSITIVE_INFINITY;
  }

  /** Lets one more in, and gives what it calls once when it leaves; or says why not. */
  enter(key: string): (() => void) | Refusal {
    const same = this.#perKey.get(key) ?? 0;
    if (this.#inside >= this.#most) return 'full';
    if (same >= this.#mostPerKey) return 'key';
    this.#inside++;
    if (this.countsKeys) this.#perKey.set(key, same + 1);
    return () => this.#leave(key);
  }

  #leave(key: string): void {
    this.#inside--;
    const left = (this.#perKey.get(key) ?? 0) - 1;
    if (left > 0) this.#perKey.set(key, left);
    else this.#perKey.delete(key);
  }
}
