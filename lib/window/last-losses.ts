/** How many rooms one generation remembers. */
const MOST_ROOMS = 2 ** 19;

/** At first, and at least twice as many as there are rooms. */
const FIRST_SLOTS = 256;

/** From the fingerprint of a room to the sequence of its last loss, in 16 bytes a slot. */
class Generation {
  size = 0;
  /** The newest of all: sequences only grow. */
  newest = 0;
  #keys = new Float64Array(FIRST_SLOTS);
  #sequences = new Float64Array(FIRST_SLOTS);

  get(key: number): number | undefined {
    const slot = this.#slotOf(key);
    return this.#keys[slot] === key ? this.#sequences[slot] : undefined;
  }

  set(key: number, sequence: number): void {
    this.newest = sequence;
    if (this.#put(key, sequence) && ++this.size * 2 > this.#keys.length) this.#grow();
  }

  /** Whether the key is a new one. */
  #put(key: number, sequence: number): boolean {
    const slot = this.#slotOf(key);
    const isNew = this.#keys[slot] !== key;
    this.#keys[slot] = key;
    this.#sequences[slot] = sequence;
    return isNew;
  }

  /** The key's slot, or a free one for it. */
  #slotOf(key: number): number {
    const mask = this.#keys.length - 1;
    let slot = (key >>> 0) & mask;
    while (this.#keys[slot] !== 0 && this.#keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [keys, sequences] = [this.#keys, this.#sequences];
    this.#keys = new Float64Array(2 * keys.length);
    this.#sequences = new Float64Array(2 * keys.length);
    keys.forEach((key, slot) => {
      if (key !== 0) this.#put(key, sequences[slot] as number);
    });
  }
}

/**
 * The last loss of each room. It is known exactly for the half a million rooms that have lost something last, and
 * roughly for others: a client may get a gap that is none, and never misses one.
 */
export class LastLosses {
  #young = new Generation();
  #old = new Generation();
  /** The newest loss of the rooms that are forgotten. */
  #forgotten = 0;

  set(room: string, sequence: number): void {
    if (this.#young.size === MOST_ROOMS) {
      this.#forgotten = this.#old.newest;
      this.#old = this.#young;
      this.#young = new Generation();
    }
    this.#young.set(fingerprint(room), sequence);
  }

  get(room: string): number {
    const key = fingerprint(room);
    return this.#young.get(key) ?? this.#old.get(key) ?? this.#forgotten;
  }
}

/** 52 bits, never 0: two of a million rooms have the same one in one of ten thousand processes. */
function fingerprint(room: string): number {
  let [one, other] = [0x811c9dc5, 0x01000193];
  for (let index = 0; index < room.length; index++) {
    const unit = room.charCodeAt(index);
    one = Math.imul(one ^ unit, 0x01000193);
    other = Math.imul(other ^ unit, 0x5bd1e995);
    other ^= other >>> 13;
  }
  one ^= one >>> 15;
  one = Math.imul(one, 0x2c1b3c6d);
  one ^= one >>> 12;
  return (other & 0xfffff) * 2 ** 32 + (one >>> 0) || 1;
}
