import { Queue } from '../util/queue.js';

/** An entry that is being offered: it has been once all visits that were due for it are over. */
interface Round {
  readonly sequence: number;
  /** How many visits have to be over by then, of all there ever were. */
  visits: number;
}

/** Knows which entries were offered to all writable clients, by counting the visits to them. */
export class Rounds {
  readonly #rounds = new Queue<Round>();
  /** How many visits there are to be, and were. */
  #queued = 0;
  #visited = 0;

  /** A client waits for its visit. */
  queued(): void {
    this.#queued++;
  }

  /** A client has been visited. */
  visited(): void {
    this.#visited++;
  }

  /** An entry is to be offered in the visits that are due now. */
  begin(sequence: number): void {
    this.#rounds.push({ sequence, visits: this.#queued });
  }

  /**
   * A writable client that needs a further visit for what it lacks is waited for: a sender that ran
   * ahead of it would have it lose events that it was never offered.
   */
  hold(position: number): void {
    for (let index = 0; index < this.#rounds.size; index++) {
      const round = this.#rounds.at(index) as Round;
      if (round.sequence <= position) continue;
      // The later rounds are over after this one in any case.
      round.visits = this.#queued;
      return;
    }
  }

  /** The newest entry, up to `floor`, that was offered since it was asked for last. */
  over(floor: number): number | undefined {
    let newest: number | undefined;
    for (let next = this.#rounds.at(0); next !== undefined; next = this.#rounds.at(0)) {
      if (next.visits > this.#visited || next.sequence > floor) break;
      newest = next.sequence;
      this.#rounds.shift();
    }
    return newest;
  }

  clear(): void {
    this.#rounds.clear();
  }
}
