// What one writes without any package: the responses in a set, and a `write` to each.
import { createServer } from 'node:http';
import express from 'express';
import { frame } from './frame.mjs';
import { listen } from './listen.mjs';

export async function start() {
  const app = express();
  const responses = new Set();
  let id = 0;
  app.get('/', (_req, res) => {
    res.setHeader('Content-Type', 'text/event-stream');
    res.setHeader('Cache-Control', 'no-cache');
    res.flushHeaders();
    responses.add(res);
    res.once('close', () => responses.delete(res));
  });
  return {
    ...(await listen(createServer(app))),
    broadcast: (data) => {
      const text = frame(id++, data);
      for (const res of responses) res.write(text);
    },
  };
}
