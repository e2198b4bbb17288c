// A process with readers of answers that reload, change nodes and come late. It is told where to read, and what.
import { setTimeout as sleep } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';

let urls = [];

process.on('message', async ({ urls: now, read }) => {
  urls = now;
  if (read === undefined) return;
  const results = await Promise.all(read.map((id) => readAnswer(id)));
  process.send(results);
});

const below = (limit) => Math.floor(Math.random() * limit);

/** Reads an answer up to its end, with whatever a page does meanwhile. */
async function readAnswer(id) {
  const state = { id, text: '', ends: [], lastEventId: undefined, reconnects: 0, wrong: [] };
  await sleep(below(1500));
  while (state.ends.length === 0) {
    const whim = new AbortController();
    const timer = setTimeout(() => whim.abort(), 100 + below(2500));
    try {
      const url = urls[below(urls.length)];
      const headers = state.lastEventId ? { 'last-event-id': state.lastEventId } : {};
      const response = await fetch(`${url}/answers/${id}`, { headers, signal: whim.signal });
      if (response.status === 404 && state.lastEventId) state.wrong.push('404');
      if (response.status === 200) await readStream(response, state);
    } catch {
      // It was cut, or has cut itself.
    } finally {
      clearTimeout(timer);
    }
    if (state.ends.length > 0) break;
    state.reconnects++;
    // A page that is reloaded knows nothing any more.
    if (below(3) === 0) Object.assign(state, { text: '', lastEventId: undefined });
    await sleep(below(100));
  }
  return state;
}

async function readStream(response, state) {
  const decoder = new TextDecoder();
  const parser = createParser({
    onEvent({ id, event = 'message', data }) {
      if (id) state.lastEventId = id;
      if (event === 'message') state.text += data;
      else if (['done', 'stopped', 'failed'].includes(event)) state.ends.push(`${event} ${data}`);
      else if (event === 'gap') state.wrong.push(`gap ${data}`);
    },
  });
  for await (const chunk of response.body) parser.feed(decoder.decode(chunk, { stream: true }));
}

// The test is over, or gone.
process.on('disconnect', () => process.exit());
