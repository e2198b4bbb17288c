import { frameEvent } from '../frame.js';
import { Queue } from '../queue.js';
import { Batch } from './batch.js';
import { formatEventId, MAX_ID_LENGTH, parseEventId } from './event-id.js';
import type { LogEntry } from './log.js';

/**
 * How much is written to a client before it is asked whether it takes more. So a client that stalls
 * holds no more than this, and joined copies for a stalled crowd can't fill the heap.
 */
const BATCH_BYTES = 64 * 1024;

/** What an entry takes beside its bytes, about: the objects around them. */
const ENTRY_OVERHEAD = 128;

/** How much a ring keeps; each bound holds by itself. */
export interface RingBounds {
  readonly events: number;
  readonly bytes: number;
}

/** Why a cursor can't be honoured. */
export type GapReason = 'malformed' | 'oversized' | 'epoch' | 'ahead' | 'trimmed' | 'slow';

/** What a client did not get: told to it in a gap event. */
export interface Gap {
  readonly reason: GapReason;
  /** How many events, where that is known. */
  readonly missed?: number;
}

/** Where a client starts to read, and what lies between that and where it meant to. */
export interface Start {
  readonly cursor: number;
  readonly gap?: Gap;
}

/**
 * The newest entries of a log, as frames: the window that this process's cursors move in.
 *
 * A cursor is the sequence of the last event its client got.
 */
export class Ring {
  epoch = '';
  /** The sequence of the newest entry. */
  head = 0;
  readonly #frames = new Queue<Buffer>();
  #bytes = 0;
  #lastBatch: { after: number; end: number; batch: Batch } | undefined;

  /** The oldest cursor from which nothing is missing. */
  get tail(): number {
    return this.head - this.#frames.size;
  }

  begin(epoch: string, head: number): void {
    this.epoch = epoch;
    this.head = head;
  }

  /** Adds the next entry and returns its frame's length. The ring does not shrink before `trim`. */
  push(entry: LogEntry): number {
    this.head = entry.sequence;
    const frame = frameEvent(this.idOf(entry.sequence), entry.fields);
    this.#frames.push(frame);
    this.#bytes += frame.length + ENTRY_OVERHEAD;
    return frame.length;
  }

  /**
   * Drops the oldest entries beyond the bounds, but none above `upTo`: what has not been offered
   * to every client yet is not history.
   */
  trim(upTo: number, { events, bytes }: RingBounds): void {
    while (this.tail < upTo && (this.#frames.size > events || this.#bytes > bytes)) {
      const frame = this.#frames.shift() as Buffer;
      this.#bytes -= frame.length + ENTRY_OVERHEAD;
    }
  }

  idOf(sequence: number): string {
    return formatEventId(this.epoch, sequence);
  }

  /**
   * The frames above the cursor `after`, as many as fit into one batch, up to the entry `end`; a
   * larger frame comes alone. Clients at the same cursor get the same batch.
   *
   * The cursor must lie in the window and below `end`.
   */
  take(after: number, end: number): Batch {
    const last = this.#lastBatch;
    if (last?.after === after && last.end === end) return last.batch;
    const batch = this.#join(after, end);
    this.#lastBatch = { after, end, batch };
    return batch;
  }

  #join(after: number, end: number): Batch {
    const offset = after - this.tail;
    const frames = [this.#frames.at(offset) as Buffer];
    let bytes = (frames[0] as Buffer).length;
    while (after + frames.length < end) {
      const frame = this.#frames.at(offset + frames.length) as Buffer;
      bytes += frame.length;
      if (bytes > BATCH_BYTES) break;
      frames.push(frame);
    }
    const joined = frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames);
    return new Batch(joined, after + frames.length);
  }

  /**
   * Where a client with this Last-Event-ID goes on; one without any starts at the head.
   *
   * A cursor that can't be honoured is told as a gap, and goes on with what is left.
   */
  locate(lastEventId: string | undefined): Start {
    if (lastEventId === undefined || lastEventId === '') return { cursor: this.head };
    const left = this.tail;
    if (lastEventId.length > MAX_ID_LENGTH) return { cursor: left, gap: { reason: 'oversized' } };
    const id = parseEventId(lastEventId);
    if (id === undefined) return { cursor: left, gap: { reason: 'malformed' } };
    if (id.epoch !== this.epoch) return { cursor: left, gap: { reason: 'epoch' } };
    if (id.sequence > this.head) return { cursor: left, gap: { reason: 'ahead' } };
    if (id.sequence < left) {
      return { cursor: left, gap: { reason: 'trimmed', missed: left - id.sequence } };
    }
    return { cursor: id.sequence };
  }
}
