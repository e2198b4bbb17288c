// The ways of sending, the same for all targets. `send` broadcasts the next event; it gives a
// promise where the target has one.
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { micros } from './clock.mjs';

export const paces = { paced, turns, awaited };

/** At even times. Returns how late the latest one was, in microseconds. */
async function paced(send, { events, interval }) {
  const start = micros();
  let latest = 0;
  for (let event = 0; event < events; event++) {
    const due = start + event * interval * 1000;
    while (micros() < due) await wait(Math.max(1, Math.floor((due - micros()) / 1000)));
    latest = Math.max(latest, micros() - due);
    send();
  }
  return latest;
}

/** So many events, then one turn of the event loop. A target that has promises is waited for. */
async function turns(send, { events, each }) {
  const several = Array.from({ length: each });
  for (let event = 0; event < events; event += each) {
    const sent = several.map(send);
    if (sent[0] !== undefined) await Promise.all(sent);
    await turn();
  }
}

/** One after another. Those that have no promise would never let the loop turn: they get a turn. */
async function awaited(send, { events }) {
  for (let event = 0; event < events; event++) await (send() ?? turn());
}
