import { createServer } from 'node:http';
import { createChannel, createSession } from 'better-sse';
import express from 'express';
import { listen } from './listen.mjs';

export async function start() {
  const app = express();
  const channel = createChannel();
  app.get('/', async (req, res) => {
    channel.register(await createSession(req, res));
  });
  return {
    ...(await listen(createServer(app))),
    broadcast: (data) => {
      channel.broadcast(data);
    },
  };
}
