import type { AddressInfo } from 'node:net';

import express = require('express');
import hub = require('express-sse-hub');

const app = express();
const stream = hub.sse();

app.use(stream.locals());
app.get('/stream', stream);

app.post('/apples', async (_req, res) => {
  await res.locals.stream.sendEvent('apples', { count: 42 });
  res.sendStatus(202);
});

app.post('/stop', async (_req, res) => {
  res.sendStatus(202);
  await stream.hub.close();
  server.close();
});

app.post('/pears', (_req, res) => {
  // @ts-expect-error: misspelled, and only a typed `locals.stream` can tell.
  res.locals.stream.sendEvnt('pears');
});

const server = app.listen(0, '127.0.0.1', () => {
  console.log((server.address() as AddressInfo).port);
});
