import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { shutDown, sse } from 'express-sse-hub';
import { readMachine } from './machine.mjs';
import { checkMessage, checkTyping } from './message.mjs';
import { openStorage } from './storage.mjs';

const { HOST = '127.0.0.1', PORT = '3000' } = process.env;

const boards = ['engine-room', 'lounge'];
const storage = await openStorage();

/** The room of the pages that this process serves: others may share its log, and its boards. */
const here = `process:${randomUUID()}`;

const app = express();
const stream = sse({
  log: storage.log,
  retry: 1000,
  rooms: (req) => [here, ...readBoards(req.query.boards)],
  // The readings of more than a minute, and the last messages of each board: a new page begins with them.
  history: { events: 500, room: { events: 350 } },
  start: storage.start,
  // A page knows when it has everything that there was, and within 6 s when its stream is dead.
  liveEvent: 'live',
  keepAlive: 3000,
  onConnect: (client) => client.sendEvent('server', { process: process.pid, log: storage.name }),
});

app.use(stream.locals()); // from here on, every route finds the hub in res.locals.stream
app.use(express.static(fileURLToPath(new URL('public', import.meta.url))));
app.get('/client.js', (_req, res) =>
  res.sendFile(fileURLToPath(import.meta.resolve('express-sse-hub/client'))),
);
app.use(express.json({ limit: '16kb' }));

app.get('/stream', stream); // the pages connect here: /stream?boards=engine-room,lounge

/** The boards that a page wants to hear of, which are the rooms of its stream. */
function readBoards(query = '') {
  const names = String(query)
    .split(',')
    .filter((name) => name !== '');
  for (const name of names) checkBoard(name);
  return names;
}

function checkBoard(name) {
  if (!boards.includes(name)) {
    throw Object.assign(new Error(`There is no board “${name}”.`), { status: 404 });
  }
}

// The message boards: what one page posts on a board goes to the pages that listen to it.

app.param('board', (_req, _res, next, name) => {
  checkBoard(name);
  next();
});

app.post('/boards/:board/messages', async (req, res) => {
  const { board } = req.params;
  const { message, error } = checkMessage(board, req.body);
  if (error) {
    res.status(400).json({ error });
    return;
  }
  try {
    await res.locals.stream.to(board).sendEvent('message-posted', message);
    res.status(201).json(message);
  } catch (error) {
    // Its code is ERR_SSE_LOG_AWAY. Nobody knows how far the message got.
    console.warn(`A message may be lost: ${error.message}`);
    res.status(503).json({
      error: `${storage.name} can’t be reached. Your message may appear yet: if it doesn’t, post it again.`,
    });
  }
});

// Who is typing is news for those who are there, and for nobody later.
app.post('/boards/:board/typing', async (req, res) => {
  const { board } = req.params;
  const { name, page, error } = checkTyping(req.body);
  if (error) {
    res.status(400).json({ error });
    return;
  }
  await res.locals.stream
    .to(board)
    .sendEvent('typing', { board, name, page }, { ephemeral: true })
    .catch(() => {}); // the hub has logged it, and nobody misses it
  res.sendStatus(204);
});

// The readings: one event of each type, every second, to every page of this process.

let isLogThere = true;

const clock = setInterval(() => {
  const at = Date.now();
  const machine = { ...readMachine(), clients: { connected: stream.hub.size } };
  for (const [type, values] of Object.entries(machine)) {
    stream.hub.to(here).sendEvent(type, { at, ...values });
  }

  const { connected } = stream.hub.stats().log;
  if (connected !== isLogThere) {
    console.log(
      `Process ${process.pid}: the log is ${connected ? 'reachable again' : 'unreachable'}.`,
    );
  }
  isLogThere = connected;
}, 1000);

// Express takes a function of four arguments for its error handler.
app.use((error, _req, res, _next) => {
  const status = error.status ?? 500;
  if (status >= 500) console.error(error);
  res
    .status(status)
    .json({ error: status < 500 ? error.message : 'Something broke on the server.' });
});

const server = app.listen(Number(PORT), HOST, (error) => {
  if (error) throw error;
  // In a cluster, the primary says so once for all.
  if (cluster.isWorker) return;
  console.log(`Open http://localhost:${server.address().port} in two windows.`);
  if (storage.log) console.log(`The log is in ${storage.name}.`);
});

// On SIGTERM and SIGINT: each page is told when to reconnect, and no post is refused.
await shutDown(server, stream.hub);
clearInterval(clock);
storage.close();
process.exit();
