import type { AddressInfo } from 'node:net';
import express from 'express';
import { type Hub, sse } from 'express-sse-hub';

type Events = { apples: { count: number } };

declare global {
  namespace Express {
    // An app may say which events its own hub sends.
    interface Locals {
      stream: Hub<Events>;
    }
  }
}

const app = express();
const stream = sse<Events>();

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
  // @ts-expect-error: no event that the app has declared.
  res.locals.stream.sendEvent('pears', { count: 42 });
  // @ts-expect-error: no event that the hub was declared to send.
  stream.hub.sendEvent('pears', { count: 42 });
  // @ts-expect-error: not the data that goes with the event.
  stream.hub.sendEvent('apples', { weight: 42 });
});

const server = app.listen(0, '127.0.0.1', () => {
  console.log((server.address() as AddressInfo).port);
});
