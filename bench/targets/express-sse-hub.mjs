import { createServer } from 'node:http';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import compression from 'compression';
import express from 'express';
import helmet from 'helmet';
import morgan from 'morgan';
import { listen } from './listen.mjs';

const CHECKOUT = join(import.meta.dirname, '../..');

/**
 * `hub`: options of the hub. `middleware`: whether what many apps have stands in front. `checkout`:
 * the folder whose build is measured.
 */
export async function start({ hub = {}, middleware = false, checkout = CHECKOUT }) {
  const { sse } = await import(pathToFileURL(join(checkout, 'dist/esm/index.js')));
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
