import { createServer } from 'node:http';
import express from 'express';
import SSE from 'express-sse';
import { listen } from './listen.mjs';

export async function start() {
  const app = express();
  const stream = new SSE();
  app.get('/', stream.init);
  return {
    ...(await listen(createServer(app))),
    broadcast: (data) => {
      stream.send(data);
    },
  };
}
