import { fileURLToPath } from 'node:url';
import express from 'express';
import { sse } from 'express-sse-hub';
import { readMachine } from './machine.mjs';
import { checkMessage } from './message.mjs';

const { HOST = '127.0.0.1', PORT = '3000' } = process.env;

/** The newest messages of each board. */
const boards = new Map([
  ['engine-room', []],
  ['lounge', []],
]);

const app = express();
const stream = sse({
  retry: 1000,
  rooms: (req) => readBoards(req.query.boards),
  // Comes after everything that the page missed, and before anything new.
  onConnect: (client) => client.sendEvent('caught-up'),
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
  if (!boards.has(name)) {
    throw Object.assign(new Error(`There is no board “${name}”.`), { status: 404 });
  }
}

// The message boards: what one page posts on a board goes to the pages that listen to it.

app.param('board', (_req, _res, next, name) => {
  checkBoard(name);
  next();
});

app.get('/boards/:board/messages', (req, res) => {
  res.json(boards.get(req.params.board));
});

app.post('/boards/:board/messages', async (req, res) => {
  const { board } = req.params;
  const { message, error } = checkMessage(board, req.body);
  if (error) {
    res.status(400).json({ error });
    return;
  }
  const messages = boards.get(board);
  messages.push(message);
  if (messages.length > 50) messages.shift();

  await res.locals.stream.to(board).sendEvent('message-posted', message);
  res.status(201).json(message);
});

// The readings: one event of each type, every second, to every page.

const readings = [];

app.get('/readings', (_req, res) => {
  res.json(readings); // the last minute, so that a new page need not start with empty charts
});

const clock = setInterval(() => {
  const at = Date.now();
  const machine = { ...readMachine(), clients: { connected: stream.hub.size } };
  for (const [type, values] of Object.entries(machine)) {
    const reading = { at, ...values };
    stream.hub.sendEvent(type, reading);
    readings.push({ type, ...reading });
  }
  while (readings[0].at < at - 65_000) readings.shift();
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
  console.log(`Open http://localhost:${server.address().port} in two windows.`);
});

async function stop() {
  clearInterval(clock);
  await stream.hub.close(); // ends every stream, and tells each page when to come back
  server.close(); // without the line above, this would wait for the streams for ever
  // Browsers like to connect in advance, and a connection that has asked for nothing yet counts as busy.
  setTimeout(() => server.closeAllConnections(), 1000).unref();
}

process.on('SIGINT', stop);
process.on('SIGTERM', stop);
