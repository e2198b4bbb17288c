import type { Known, Place } from './engine.js';

/** How many epochs that are over are remembered. */
const MOST_FORMER = 16;

/** Remembers the newest entry that this process knows of, from its live feed or its writes. */
export class NewestPlace {
  known: Known | undefined;

  learn(place: Place): void {
    const { known } = this;
    if (known === undefined) {
      this.known = { ...place, former: [] };
    } else if (known.epoch === place.epoch) {
      if (known.sequence < place.sequence) this.known = { ...place, former: known.former };
    } else if (!known.former.includes(place.epoch)) {
      // (An answer with an epoch that is over was only late.)
      this.known = { ...place, former: [...known.former, known.epoch].slice(-MOST_FORMER) };
    }
  }
}
