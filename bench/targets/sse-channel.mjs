import { createServer } from 'node:http';
import express from 'express';
import SseChannel from 'sse-channel';
import { listen } from './listen.mjs';

export async function start() {
  const app = express();
  const channel = new SseChannel();
  app.get('/', (req, res) => channel.addClient(req, res));
  return {
    ...(await listen(createServer(app))),
    broadcast: (data) => {
      channel.send(data);
    },
  };
}
