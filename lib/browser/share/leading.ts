import { isHidden } from '../stream/environment.js';
import type { Step } from '../stream/step.js';
import type { StreamState } from '../stream/stream.js';
import type { Word } from './words.js';

/** The member that is connected, and passes on what comes. */
export class Leading {
  readonly from: string;
  readonly term: number;
  readonly #post: (word: Word) => void;
  #place: string;
  #state: StreamState;
  #count = 0;
  #steps: Step[] = [];

  constructor(
    { from, term }: Pick<Word, 'from' | 'term'>,
    { place, state }: Step,
    post: (word: Word) => void,
  ) {
    this.from = from;
    this.term = term;
    this.#place = place;
    this.#state = state;
    this.#post = post;
    this.tell();
  }

  /** Passes it on, with all that comes in the same turn. */
  take(step: Step): void {
    this.#steps.push(step);
    if (this.#steps.length === 1) queueMicrotask(() => this.#steps.length > 0 && this.tell());
  }

  /** Says where the stream is. */
  tell(isLast = false): void {
    const steps = this.#steps;
    this.#steps = [];
    this.#post({
      ...{ from: this.from, term: this.term, isHidden: isHidden(), isLast },
      ...{ count: this.#count, place: this.#place, state: this.#state, steps: steps.map(plain) },
    });
    this.#count += steps.length;
    const { place, state } = steps.at(-1) ?? { place: this.#place, state: this.#state };
    this.#place = place;
    this.#state = state;
  }
}

/** What an error is in another page is for that page to say. */
function plain({ error, ...step }: Step): Step {
  return {
    ...step,
    error: error && { name: error.name, message: error.message, status: error.status },
  };
}
