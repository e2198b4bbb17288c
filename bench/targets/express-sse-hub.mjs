import { createServer } from 'node:http';
import { Writable } from 'node:stream';
import compression from 'compression';
import express from 'express';
import helmet from 'helmet';
import morgan from 'morgan';
import { sse } from '../../dist/esm/index.js';
import { listen } from './listen.mjs';

/** `hub`: options of the hub. `middleware`: whether what many apps have stands in front. */
export async function start({ hub = {}, middleware = false }) {
  const app = express();
  if (middleware) {
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    app.use(compression(), helmet(), morgan('combined', { stream: nowhere }));
  }
  const stream = sse(hub);
  app.get('/', stream);
  return {
    ...(await listen(createServer(app))),
    broadcast: (data) => stream.hub.send(data),
  };
}
