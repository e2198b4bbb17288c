// 64 buckets to each power of two, so a value is known to 1.6 %. To record costs a few nanoseconds.
const BITS = 6;
const BUCKETS = 1 << BITS;

export class Histogram {
  #counts = new Float64Array(BUCKETS * (33 - BITS));
  count = 0;
  max = 0;

  /** Takes integers below 2^31. */
  record(value) {
    this.count++;
    if (value > this.max) this.max = value;
    this.#counts[bucketOf(value)]++;
  }

  /** The value that this share of all values doesn't exceed; the middle of its bucket. */
  percentile(share) {
    let left = Math.ceil(this.count * share);
    for (let index = 0; index < this.#counts.length; index++) {
      left -= this.#counts[index];
      if (left <= 0) return Math.min(middleOf(index), this.max);
    }
    return this.max;
  }
}

function bucketOf(value) {
  if (value < BUCKETS) return Math.max(value, 0);
  const shift = 31 - Math.clz32(value) - BITS;
  return (shift << BITS) + (value >> shift);
}

function middleOf(index) {
  if (index < 2 * BUCKETS) return index;
  const shift = (index >> BITS) - 1;
  return (BUCKETS + (index & (BUCKETS - 1)) + 0.5) * 2 ** shift;
}
