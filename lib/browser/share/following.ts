import type { Step } from '../stream/step.js';
import type { StreamState } from '../stream/stream.js';
import { StreamError } from '../stream/stream-error.js';
import { isReached } from './places.js';
import type { Word } from './words.js';

/** How much waits for a member that takes nothing: in steps, and in characters. */
const MOST_STEPS = 1000;
const MOST_TEXT = 1_000_000;

/** What a leader has said, and this member has not taken yet. */
export class Following {
  /** The step before those that wait. */
  last: Step;
  #steps: Step[] = [];
  #text = 0;
  #count: number;

  constructor({ count, place, state }: Word) {
    this.#count = count;
    this.last = { place, state };
  }

  /** Of the leader. */
  get state(): StreamState {
    return (this.#steps.at(-1) ?? this.last).state;
  }

  /** False where the steps do not go on from the last one: some are lost. */
  add({ count, place, state, steps }: Word): boolean {
    let isWhole = true;
    if (count !== this.#count) {
      this.#steps = [];
      this.#text = 0;
      this.last = { place, state };
      isWhole = false;
    }
    this.#count = count + steps.length;
    for (const step of steps) {
      this.#steps.push(step);
      this.#text += lengthOf(step);
    }
    while (this.#steps.length > MOST_STEPS || this.#text > MOST_TEXT) {
      this.next();
      isWhole = false;
    }
    return isWhole;
  }

  /** Goes to where a member at this place goes on; false where the leader began later, or elsewhere. */
  meet(place: string): boolean {
    const index = this.#steps.findLastIndex((step) => isReached(step.place, place));
    for (let taken = 0; taken <= index; taken++) this.next();
    return isReached(this.last.place, place);
  }

  next(): Step | undefined {
    const step = this.#steps.shift();
    if (step === undefined) return undefined;
    this.#text -= lengthOf(step);
    this.last = step;
    const { error } = step;
    return { ...step, error: error && new StreamError(error.message, error.status) };
  }
}

function lengthOf({ event }: Step): number {
  return event === undefined ? 0 : event[1].length;
}
