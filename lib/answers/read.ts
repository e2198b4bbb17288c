import type { HubEvent } from '../delivery/subscriptions.js';
import { SseError } from '../errors.js';
import { parseEventId } from '../log/event-id.js';
import type { Known } from './registry.js';
import type { Shelf } from './shelf.js';

/** An event of an answer, as `answers.read` gives it. */
export interface AnswerEvent {
  readonly id: string;
  readonly type: string;
  /** Text: JSON, where the data was neither a string nor bytes. */
  readonly data: string;
}

/** All events of an answer, from its first one to its end: each is asked for when the one before is done with. */
export async function* readAnswer(shelf: Shelf, known: Known): AsyncGenerator<AnswerEvent, void> {
  let arrived = (_event: HubEvent | undefined) => {};
  let next = new Promise<HubEvent | undefined>((resolve) => {
    arrived = resolve;
  });
  let taken = () => {};
  const listener = (event: HubEvent) =>
    new Promise<void>((resolve) => {
      taken = resolve;
      arrived(event);
    });
  const after = shelf.beginningOf(known);
  const unsubscribe = shelf.hub.subscribe(listener, { rooms: [known.room], after });
  // An answer that is lost has no end event.
  void known.over.then(() => known.end === undefined && arrived(undefined));
  try {
    for (;;) {
      const event = await next;
      if (event === undefined) throw lost(known.id);
      next = new Promise((resolve) => {
        arrived = resolve;
      });
      const { id, type, data } = event;
      yield { id, type, data };
      if (parseEventId(id)?.sequence === known.end) return;
      taken();
    }
  } finally {
    unsubscribe();
    taken();
  }
}

function lost(id: string): SseError {
  return new SseError('ERR_SSE_ANSWER_UNKNOWN', `answer ${JSON.stringify(id)} was lost`);
}
