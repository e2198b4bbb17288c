import {
  COMMENT,
  encodeEvent,
  frameEvent,
  frameFields,
  frameRetry,
  idField,
  retryField,
} from '../frame.js';
import { Batch } from '../window/batch.js';
import type { Gap } from '../window/gap.js';
import type { Ring } from '../window/ring.js';
import type { Beginning } from './beginning.js';
import type { Place } from './locator.js';

/** How many notices are kept, at most: a few types of events, times two. */
const MOST_RECENT = 16;

/** The types of the hub's own events, which a route may choose anew. */
export interface NoticeTypes {
  readonly liveEvent: string | false;
  readonly readyEvent: string | false;
  readonly heartbeatEvent: string | false;
}

/** What a route says about them. */
export type RouteNoticeTypes = {
  readonly [Name in keyof NoticeTypes]?: NoticeTypes[Name] | undefined;
};

/** Who is notified: a cursor. */
export interface Listener {
  readonly noticeTypes: NoticeTypes;
  readonly position: number;
  /** Whether its snapshot is under way: it gets no id meanwhile. */
  readonly isHeld: boolean;
}

export interface NoticeSettings extends NoticeTypes {
  readonly retry: number | false;
  readonly gapEvent: string | false;
  readonly keepAlive: number | false;
}

/**
 * What the hub itself says to its clients, beside their events: the greeting of a stream, gaps,
 * heartbeats, and when to reconnect.
 *
 * Each of them is an event with JSON as its data. Without data, an id does not move the place of a client in
 * Firefox and Safari, and reaches `onmessage` as an empty event in clients that dispatch every block.
 */
export class Notices {
  readonly #ring: Ring;
  readonly #settings: NoticeSettings;
  /** The newest ones, since many clients connect, or are quiet, while the head stands still. */
  readonly #recent = new Map<string, Batch>();

  constructor(ring: Ring, settings: NoticeSettings) {
    this.#ring = ring;
    this.#settings = settings;
  }

  /** The types of a route's own events: its own, or else the hub's. */
  typesFor({ readyEvent, heartbeatEvent, liveEvent }: RouteNoticeTypes = {}): NoticeTypes {
    if (readyEvent === undefined && heartbeatEvent === undefined && liveEvent === undefined) {
      return this.#settings;
    }
    return {
      liveEvent: liveEvent ?? this.#settings.liveEvent,
      readyEvent: readyEvent ?? this.#settings.readyEvent,
      heartbeatEvent: heartbeatEvent ?? this.#settings.heartbeatEvent,
    };
  }

  /**
   * The beginning of a stream. Its id lets a client resume that has received no event yet. A gap
   * has the id instead: a client that is cut off before the gap is notified of it again. Where a snapshot is to follow,
   * neither has one: a client that is cut off before its end needs another.
   */
  greeting(types: NoticeTypes, { position, resumed, gap }: Place, isHeld: boolean): Batch {
    if (gap !== undefined || isHeld) {
      const id = isHeld ? undefined : this.#ring.idOf(position);
      const start = this.#greeting(types, resumed, undefined);
      const end = gap === undefined ? [] : [this.#frameGap(gap, id)];
      return new Batch(Buffer.concat([start, ...end]), position, 0);
    }
    const { readyEvent, heartbeatEvent, liveEvent } = types;
    const kind = `ready ${resumed} ${heartbeatEvent === false} ${readyEvent} ${liveEvent}`;
    return this.#recently(kind, position, (id) => this.#greeting(types, resumed, id));
  }

  /** The client has everything there was when it came. */
  begun(listener: Listener, { resumed, missed }: Beginning): Batch {
    const { position, noticeTypes } = listener;
    const { liveEvent } = noticeTypes;
    // The id alone is news then: so far there was none.
    if (liveEvent === false) return this.heartbeat(listener);
    return this.#recently(`live ${liveEvent} ${resumed} ${missed}`, position, (id) =>
      frameNotice(liveEvent, { resumed, missed }, id),
    );
  }

  /** Its id is the position behind the gap, so that a client is notified of each gap once. */
  gap(gap: Gap, position: number): Batch {
    return new Batch(this.#frameGap(gap, this.#ring.idOf(position)), position, 0);
  }

  /** The id keeps the place of a client fresh that has received no event for long. */
  heartbeat({ noticeTypes, position, isHeld }: Listener): Batch {
    const { heartbeatEvent } = noticeTypes;
    if (heartbeatEvent === false) return new Batch(COMMENT, position, 0);
    if (isHeld) return new Batch(frameNotice(heartbeatEvent, {}, undefined), position, 0);
    return this.#recently(`beat ${heartbeatEvent}`, position, (id) =>
      frameNotice(heartbeatEvent, {}, id),
    );
  }

  /** The end of a stream: when the client is to reconnect, in ms. */
  farewell(retry: number): Batch {
    return new Batch(frameRetry(retry), this.#ring.head, 0);
  }

  /** The log was reset: positions mean something else now. */
  restart(): void {
    this.#recent.clear();
  }

  #greeting(
    { readyEvent, heartbeatEvent, liveEvent }: NoticeTypes,
    resumed: boolean,
    id: string | undefined,
  ): Buffer {
    const { retry, keepAlive } = this.#settings;
    // A line of its own takes effect as well, and no client dispatches it without an empty line.
    const head = Buffer.from(retry === false ? '' : retryField(retry));
    if (readyEvent === false) {
      return Buffer.concat([head, Buffer.from(id === undefined ? '' : idField(id))]);
    }
    const heartbeat = heartbeatEvent !== false && keepAlive;
    const live = liveEvent === false ? undefined : liveEvent;
    return Buffer.concat([head, frameNotice(readyEvent, { heartbeat, resumed, live }, id)]);
  }

  #frameGap(gap: Gap, id: string | undefined): Buffer {
    const { gapEvent } = this.#settings;
    if (gapEvent !== false) return frameNotice(gapEvent, gap, id);
    return Buffer.from(id === undefined ? '' : idField(id));
  }

  /** What was made last for this position, or what `make` gives. */
  #recently(kind: string, position: number, make: (id: string) => Buffer): Batch {
    const recent = this.#recent.get(kind);
    if (recent?.last === position) return recent;
    if (this.#recent.size === MOST_RECENT) this.#recent.clear();
    const batch = new Batch(make(this.#ring.idOf(position)), position, 0);
    this.#recent.set(kind, batch);
    return batch;
  }
}

function frameNotice(type: string, data: object, id: string | undefined): Buffer {
  const fields = encodeEvent(type, data, undefined, JSON.stringify);
  return id === undefined ? frameFields(fields) : frameEvent(id, fields);
}
