// What one client has read. It has to cost less than any server it measures: plain reads of bytes,
// no strings, no copies, and the padding is passed over without a look.
import { HEADER_SIZE, MARKER, SEQUENCE_DIGITS, TIME_DIGITS } from './message.mjs';

const CR = 13;
const LF = 10;
const ZERO = 48;
const MARK = MARKER.charCodeAt(0);

// What the reader is looking at.
const HEAD = 0;
const EVENTS = 1;
const NUMBERS = 2;

const DIGITS = SEQUENCE_DIGITS + TIME_DIGITS;
// The time in two parts: integers of 32 bits are quicker.
const LOW_DIGITS = 8;
const HIGH_DIGITS = TIME_DIGITS - LOW_DIGITS;
const LOW_FACTOR = 10 ** LOW_DIGITS;

export class Reader {
  #state = HEAD;
  #headEnd = 0;
  #digits = 0;
  #sequence = 0;
  #time = 0;
  #skip = 0;
  /** The number of the event that has to come next. */
  next;
  #gap = 0;
  #padding;
  #hooks;

  /**
   * `hooks.opened(reader)` is called when the head has come, `hooks.event(reader, time)` for each
   * event, `hooks.failed(reader, why)` for one that is missing, doubled, out of order or broken.
   */
  constructor(first, size, hooks) {
    this.next = first;
    this.#padding = size - HEADER_SIZE;
    this.#hooks = hooks;
  }

  get isOpen() {
    return this.#state !== HEAD;
  }

  read(bytes, length) {
    let at = 0;
    if (this.#state === HEAD) at = this.#readHead(bytes, length);
    while (at < length) {
      if (this.#state === NUMBERS) {
        at = this.#readNumbers(bytes, at, length);
        continue;
      }
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      at = this.#findMarker(bytes, at, length) + 1;
      if (at > length) return;
      if (at + DIGITS <= length) {
        const sequence = number(bytes, at, SEQUENCE_DIGITS);
        const high = number(bytes, at + SEQUENCE_DIGITS, HIGH_DIGITS);
        const low = number(bytes, at + SEQUENCE_DIGITS + HIGH_DIGITS, LOW_DIGITS);
        at = this.#take(sequence, high * LOW_FACTOR + low) ? at + DIGITS : length;
      } else {
        this.#state = NUMBERS;
        this.#digits = 0;
        this.#sequence = 0;
        this.#time = 0;
      }
    }
  }

  /** Between the padding and the next marker, there are mostly as many bytes as the last time. */
  #findMarker(bytes, from, length) {
    const guess = from + this.#gap;
    if (guess < length && bytes[guess] === MARK) return guess;
    let at = from;
    while (at < length && bytes[at] !== MARK) at++;
    this.#gap = Math.min(at - from, this.#padding);
    return at;
  }

  #readHead(bytes, length) {
    for (let at = 0; at < length; at++) {
      const byte = bytes[at];
      if (byte === (this.#headEnd % 2 === 0 ? CR : LF)) this.#headEnd++;
      else this.#headEnd = byte === CR ? 1 : 0;
      if (this.#headEnd < 4) continue;
      this.#state = EVENTS;
      this.#hooks.opened(this);
      return at + 1;
    }
    return length;
  }

  /** Numbers that come in two reads. */
  #readNumbers(bytes, from, length) {
    let at = from;
    while (at < length && this.#digits < DIGITS) {
      const digit = bytes[at++] - ZERO;
      if (this.#digits++ < SEQUENCE_DIGITS) this.#sequence = this.#sequence * 10 + digit;
      else this.#time = this.#time * 10 + digit;
    }
    if (this.#digits < DIGITS) return at;
    return this.#take(this.#sequence, this.#time) ? at : length;
  }

  #take(sequence, time) {
    this.#state = EVENTS;
    // Parts of a large event may have chunk sizes between them. Then some of its letters are left
    // over after the skip, and are no marker.
    this.#skip = this.#padding;
    if (sequence !== this.next) {
      this.#hooks.failed(this, `event ${this.next} had to come, ${sequence} came`);
      return false;
    }
    this.next++;
    this.#hooks.event(this, time);
    return true;
  }
}

function number(bytes, from, digits) {
  let value = 0;
  for (let at = from; at < from + digits; at++) value = value * 10 + bytes[at] - ZERO;
  return value;
}
