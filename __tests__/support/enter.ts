import type { Attachment } from '../../lib/client/admission.js';
import type { Client } from '../../lib/client/client.js';
import type { Place } from '../../lib/client/locator.js';
import type { EventHub } from '../../lib/hub.js';
import type { Start } from '../../lib/start.js';
import type { FakeSink } from './fake-sink.js';

interface Arrival {
  readonly lastEventId?: string | undefined;
  readonly rooms?: readonly string[];
  readonly start?: Start;
  readonly snapshot?: Attachment['snapshot'];
}

/** Lets a client in as a route does, without HTTP. Its place has to be known at once. */
export function enter(hub: EventHub, sink: FakeSink, arrival: Arrival = {}): Client {
  const { lastEventId, rooms = [], start = 'now', snapshot } = arrival;
  const anew = snapshot !== undefined;
  const place = hub.locator.find(lastEventId, start, new Set(rooms), anew) as Place;
  const identity = { lastEventId, key: undefined, data: undefined };
  return hub.attach(sink, { identity, place, rooms, snapshot, left: () => {} });
}
