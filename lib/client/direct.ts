import { Queue } from '../util/queue.js';
import { BATCH_BYTES, Batch } from '../window/batch.js';

/** An event for one client alone. */
interface Direct {
  /** The sequence of the log's event that it comes right after. */
  after: number;
  readonly frame: Buffer;
  readonly sent: () => void;
}

/** The pending sends to one client alone, each until its event is written and the peer writable. */
export class DirectEvents {
  readonly #pending = new Queue<Direct>();
  /** How many of the oldest are written, and wait only for the peer to be writable. */
  #written = 0;

  /** How many are not written yet. */
  get unwritten(): number {
    return this.#pending.size - this.#written;
  }

  /** Whether more than so many wait, or bytes of more than one. */
  exceeds(events: number, bytes: number): boolean {
    let size = 0;
    for (let index = this.#written; index < this.#pending.size; index++) {
      size += (this.#pending.at(index) as Direct).frame.length;
    }
    return this.unwritten > events || (this.unwritten > 1 && size > bytes);
  }

  /** The position behind which the next one is due; undefined where there is none. */
  get due(): number | undefined {
    return this.#pending.at(this.#written)?.after;
  }

  /** Resolves when the event is written and the peer is writable, or when it is dropped. */
  add(after: number, frame: Buffer): Promise<void> {
    return new Promise((sent) => this.#pending.push({ after, frame, sent }));
  }

  /** The events that are due at a position, as many as fit into one batch; a larger one comes alone. */
  take(position: number): Batch {
    const frames: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const next = this.#pending.at(this.#written);
      if (next === undefined || next.after > position) break;
      bytes += next.frame.length;
      if (frames.length > 0 && bytes > BATCH_BYTES) break;
      frames.push(next.frame);
      this.#written++;
    }
    return new Batch(Buffer.concat(frames), position, frames.length);
  }

  /** The peer is writable: the sends that are written resolve. */
  resume(): void {
    for (; this.#written > 0; this.#written--) this.#pending.shift()?.sent();
  }

  /** Those that are not written come right after `position`, as the log does before it is lost. */
  move(position: number): void {
    for (let index = this.#written; index < this.#pending.size; index++) {
      (this.#pending.at(index) as Direct).after = position;
    }
  }

  /** Drops all: nobody waits any longer. */
  drop(): void {
    this.#written = this.#pending.size;
    this.resume();
  }
}
