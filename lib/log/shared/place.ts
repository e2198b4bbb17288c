import type { Known, Place } from './engine.js';

/** How many lives of a log are remembered that are over. */
const MOST_FORMER = 16;

/** Remembers the newest entry that this process has seen, from wherever it heard of it. */
export class NewestPlace {
  known: Known | undefined;

  learn(place: Place): void {
    const { known } = this;
    if (known === undefined) {
      this.known = { ...place, former: [] };
    } else if (known.epoch === place.epoch) {
      if (known.sequence < place.sequence) this.known = { ...place, former: known.former };
    } else if (!known.former.includes(place.epoch)) {
      // (An answer that tells of a life which is over was only late.)
      this.known = { ...place, former: [...known.former, known.epoch].slice(-MOST_FORMER) };
    }
  }
}
