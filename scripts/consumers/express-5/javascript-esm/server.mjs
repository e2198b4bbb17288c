import express from 'express';
import { sse } from 'express-sse-hub';

const app = express();
const stream = sse();

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

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
