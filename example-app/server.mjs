import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { sse } from 'express-sse-hub';
import { readMachine } from './machine.mjs';
import { checkMessage } from './message.mjs';
import { openStorage } from './storage.mjs';

const { HOST = '127.0.0.1', PORT = '3000' } = process.env;

const boards = ['engine-room', 'lounge'];
const storage = await openStorage();

/** The room of the pages that this process serves: others may share its log, and its boards. */
const here = `process:${randomUUID()}`;

/** What was read in the last minute, so that a new page need not start with empty charts. */
const readings = [];

const app = express();
const stream = sse({
  log: storage.log,
  retry: 1000,
  rooms: (req) => [here, ...readBoards(req.query.boards)],
  // Comes after everything that the page missed, and before anything new.
  onConnect: (client) =>
    client.sendEvent('caught-up', { process: process.pid, log: storage.name, readings }),
});

app.use(stream.locals()); // from here on, every route finds the hub in res.locals.stream
app.use(express.static(fileURLToPath(new URL('public', import.meta.url))));
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

app.get('/boards/:board/messages', async (req, res) => {
  try {
    res.json(await inTime(storage.newest(req.params.board)));
  } catch (error) {
    console.warn(`The messages can’t be read: ${error.message}`);
    res.status(503).json({ error: 'The messages can’t be read just now.' });
  }
});

app.post('/boards/:board/messages', async (req, res) => {
  const { board } = req.params;
  const { message, error } = checkMessage(board, req.body);
  if (error) {
    res.status(400).json({ error });
    return;
  }
  try {
    // First of all it is kept: then a page that is too late for the event finds it there.
    await inTime(storage.add(message));
    await res.locals.stream.to(board).sendEvent('message-posted', message);
    res.status(201).json(message);
  } catch (error) {
    // Its code is ERR_SSE_LOG_AWAY, if it comes from the hub. Nobody knows how far the message got.
    console.warn(`A message may be lost: ${error.message}`);
    res.status(503).json({
      error: `${storage.name} can’t be reached. Your message may appear yet: if it doesn’t, post it again.`,
    });
  }
});

/** A client that waits for a server that is unreachable is to learn of it, if late. */
function inTime(work) {
  const tooLate = sleep(5000, undefined, { ref: false }).then(() => {
    throw new Error(`${storage.name} doesn’t answer`);
  });
  return Promise.race([work, tooLate]);
}

// The readings: one event of each type, every second, to every page of this process.

let isLogThere = true;

const clock = setInterval(() => {
  const at = Date.now();
  const machine = { ...readMachine(), clients: { connected: stream.hub.size } };
  for (const [type, values] of Object.entries(machine)) {
    const reading = { at, ...values };
    stream.hub.to(here).sendEvent(type, reading);
    readings.push({ type, ...reading });
  }
  while (readings[0].at < at - 65_000) readings.shift();

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

let isStopping = false;

async function stop() {
  if (isStopping) return;
  isStopping = true;
  clearInterval(clock);
  await stream.hub.close(); // ends every stream, and tells each page when to come back
  // Without the line above, this would wait for the streams for ever.
  server.close(() => {
    storage.close();
    cluster.worker?.disconnect();
  });
  // Browsers like to connect in advance, and a connection that has asked for nothing yet counts as busy.
  setTimeout(() => server.closeAllConnections(), 1000).unref();
}

process.on('SIGINT', stop);
process.on('SIGTERM', stop);
