// A process that produces answers, and serves them.
import { createServer } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { createAnswers } from '../../dist/esm/answers/answers.js';
import { micros } from '../clock.mjs';
import { serve } from '../rpc.mjs';
import { openLog } from './open-log.mjs';

let answers;
const aborted = new Map();

serve({ open, produce, store, stop, stoppedAt });

/** `logs`: how many logs share the answers. */
async function open({ log, logs }) {
  const list = await Promise.all(
    Array.from({ length: logs }, (_, index) =>
      openLog({ ...log, history: undefined, prefix: `${log.prefix}-${index}` }),
    ),
  );
  answers = createAnswers({ log: list, keepAlive: false });
  const route = answers.route((req) => req.url.slice(1));
  const server = createServer((req, res) => route(req, res));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address().port;
}

/** Answers that each get so many chunks a second, with the time in them, for so long. */
async function produce({ ids, rate, seconds }) {
  await Promise.all(
    ids.map(async (id, index) => {
      const answer = await answers.start(id);
      answer.signal.addEventListener('abort', () => aborted.set(id, micros()));
      // They don't all speak at the same moment.
      await wait((index / ids.length) * (1000 / rate));
      const end = performance.now() + seconds * 1000;
      for (let count = 1; performance.now() < end && !answer.signal.aborted; count++) {
        answer.send(`${micros()} `).catch(() => {});
        const due = end - seconds * 1000 + (count * 1000) / rate;
        await wait(Math.max(0, due - performance.now()));
      }
      await answer.end();
    }),
  );
}

/** Answers of so many chunks each, that have ended. */
async function store({ ids, chunks }) {
  for (const id of ids) {
    const answer = await answers.start(id);
    await answer.sendFrom(Array.from({ length: chunks }, (_, index) => ({ chunk: index })));
  }
}

/** Stops answers of another process, and says when. */
async function stop({ ids }) {
  const times = [];
  for (const id of ids) {
    times.push(micros());
    await answers.stop(id);
  }
  return times;
}

function stoppedAt({ ids }) {
  return ids.map((id) => aborted.get(id));
}
