import type { Place } from './engine.js';

/** Remembers the newest entry that this process has seen, from wherever it heard of it. */
export class NewestPlace {
  place: Place | undefined;

  learn(place: Place): void {
    const { place: known } = this;
    if (known === undefined || known.epoch !== place.epoch || known.sequence < place.sequence) {
      this.place = place;
    }
  }
}
