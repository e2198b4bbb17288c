// A log that looks at what its hub gets: every event of every writer, once, and in the order in which
// it was sent.
import { MARKER, SEQUENCE_DIGITS } from '../message.mjs';

/** The numbers of a writer's events begin at its own multiple of this. */
export const NUMBERS_OF_A_WRITER = 10_000_000;
/** So long without any event, and those that are missing won't come any more. */
const PATIENCE_MS = 10_000;

const MARK = MARKER.charCodeAt(0);
const ZERO = 48;

export class WatchedLog {
  /** Give it to one hub. */
  log;
  /** Resolves when everything that is sent from then on will come. */
  begun;
  #hasBegun;
  #failure;
  #sequence = -1;
  #writers = [];
  #count = 0;
  #goal = Number.POSITIVE_INFINITY;
  #reached = () => {};
  #failed = () => {};

  constructor(log) {
    this.begun = new Promise((resolve) => {
      this.#hasBegun = resolve;
    });
    this.log = { ...log, follow: (follower) => log.follow(this.#spyOn(follower)) };
  }

  /**
   * Resolves when so many events have come, with the sum of the sequences of each writer's, by which
   * its acknowledgements can be checked. Rejects if one came that shouldn't, or one doesn't come.
   */
  async arrived(total) {
    this.#goal = total;
    let before = -1;
    const timer = setInterval(() => {
      if (this.#count === before) this.#fail(`only ${before} of ${total} events came`);
      before = this.#count;
    }, PATIENCE_MS);
    await new Promise((resolve, reject) => {
      this.#reached = resolve;
      this.#failed = reject;
      this.#check();
    }).finally(() => clearInterval(timer));
    return this.#writers.map(({ sum }) => sum);
  }

  #check() {
    if (this.#failure) this.#failed(this.#failure);
    else if (this.#count > this.#goal) this.#fail('more events came than were acknowledged');
    else if (this.#count === this.#goal) this.#reached();
  }

  #fail(why) {
    this.#failure ??= new Error(`a follower: ${why}`);
    this.#failed(this.#failure);
  }

  #spyOn(follower) {
    return {
      begin: (epoch, head) => {
        if (this.#sequence >= 0) this.#fail('events were lost to it');
        this.#sequence = head;
        follower.begin(epoch, head);
        this.#hasBegun();
      },
      entry: (entry) => {
        this.#see(entry);
        follower.entry(entry);
      },
      ready: () => follower.ready(),
      connected: (head) => follower.connected(head),
      disconnected: (reason) => follower.disconnected(reason),
    };
  }

  #see({ sequence, fields }) {
    if (sequence !== this.#sequence + 1) {
      this.#fail(`entry ${this.#sequence + 1} had to come, ${sequence} came`);
    }
    this.#sequence = sequence;
    const sent = numberIn(fields);
    const name = Math.floor(sent / NUMBERS_OF_A_WRITER);
    this.#writers[name] ??= { next: name * NUMBERS_OF_A_WRITER, sum: 0 };
    const writer = this.#writers[name];
    if (sent !== writer.next) this.#fail(`event ${writer.next} had to come, ${sent} came`);
    writer.next = sent + 1;
    writer.sum += sequence;
    this.#count++;
    this.#check();
  }
}

function numberIn(bytes) {
  let value = 0;
  const from = bytes.indexOf(MARK) + 1;
  for (let at = from; at < from + SEQUENCE_DIGITS; at++) value = value * 10 + bytes[at] - ZERO;
  return value;
}
