const { createServer } = require('node:http');
const { sse } = require('express-sse-hub');
const { createAnswers } = require('express-sse-hub/answers');
const { natsLog } = require('express-sse-hub/nats');
const { redisLog } = require('express-sse-hub/redis');
const Redis = require('ioredis');
const { createClient } = require('redis');

// Nothing connects before a hub takes the log.
redisLog(createClient(), { prefix: 'orders' });
redisLog(new Redis({ lazyConnect: true }));
const answers = createAnswers();
answers.start().then((answer) => answer.end());
if (typeof natsLog !== 'function') throw new Error('there is no natsLog');

const stream = sse();

const server = createServer(async (req, res) => {
  if (req.method === 'GET') return stream(req, res);
  if (req.url === '/apples') await stream.hub.sendEvent('apples', { count: 42 });
  res.writeHead(202).end();
  if (req.url !== '/stop') return;
  await answers.close();
  await stream.hub.close();
  server.close();
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
