import { encodeEvent, frameEvent, frameId, frameRetry } from '../frame.js';
import { Batch } from '../window/batch.js';
import type { Gap } from '../window/gap.js';
import type { Ring } from '../window/ring.js';

export interface NoticeSettings {
  readonly retry: number | false;
  readonly gapEvent: string | false;
  readonly readyEvent: string | false;
}

/**
 * What the hub itself says to its clients, beside their events: the greeting of a stream, gaps,
 * heartbeats, and when to reconnect.
 */
export class Notices {
  readonly #ring: Ring;
  readonly #settings: NoticeSettings;
  /** Kept, since many clients connect, or are quiet, while the head stands still. */
  #greeting: Batch | undefined;
  #heartbeat: Batch | undefined;

  constructor(ring: Ring, settings: NoticeSettings) {
    this.#ring = ring;
    this.#settings = settings;
  }

  /** The beginning of a stream. Its id lets a client resume that has received no event yet. */
  greeting(position: number, gap: Gap | undefined): Batch {
    if (gap === undefined && this.#greeting?.last === position) return this.#greeting;
    const { retry, readyEvent } = this.#settings;
    const id = this.#ring.idOf(position);
    const frames = retry === false ? [] : [frameRetry(retry)];
    if (gap !== undefined) frames.push(this.#frameGap(gap, id));
    else if (readyEvent === false) frames.push(frameId(id));
    if (readyEvent !== false) frames.push(frameNotice(id, readyEvent, undefined));
    const greeting = new Batch(Buffer.concat(frames), position, 0);
    if (gap === undefined) this.#greeting = greeting;
    return greeting;
  }

  /** Its id is the position behind the gap, so that a client is notified of each gap once. */
  gap(gap: Gap, position: number): Batch {
    return new Batch(this.#frameGap(gap, this.#ring.idOf(position)), position, 0);
  }

  /** Not a comment: the id keeps the position of a client fresh that received no event for long. */
  heartbeat(position: number): Batch {
    if (this.#heartbeat?.last !== position) {
      this.#heartbeat = new Batch(frameId(this.#ring.idOf(position)), position, 0);
    }
    return this.#heartbeat;
  }

  /** The end of a stream: when the client is to reconnect, in ms. */
  farewell(retry: number): Batch {
    return new Batch(frameRetry(retry), this.#ring.head, 0);
  }

  /** The log was reset: positions mean something else now. */
  restart(): void {
    this.#greeting = undefined;
    this.#heartbeat = undefined;
  }

  #frameGap(gap: Gap, id: string): Buffer {
    const { gapEvent } = this.#settings;
    return gapEvent === false ? frameId(id) : frameNotice(id, gapEvent, gap);
  }
}

function frameNotice(id: string, type: string, data: unknown): Buffer {
  return frameEvent(id, encodeEvent(type, data, undefined, JSON.stringify));
}
