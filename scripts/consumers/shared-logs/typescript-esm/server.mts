import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type JetStreamClient, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Log, sse } from 'express-sse-hub';
import { type Answers, type AnswersOptions, createAnswers } from 'express-sse-hub/answers';
import { natsLog } from 'express-sse-hub/nats';
import { redisLog } from 'express-sse-hub/redis';
import { Cluster, Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { createClient, createCluster, createSentinel } from 'redis';
import { createClient as createClient5 } from 'redis5';

// Nothing connects before a hub takes the log.
const logs: Log[] = [
  redisLog(createClient(), { prefix: 'orders', history: { events: 1000 } }),
  redisLog(createClient5()),
  redisLog(createCluster({ rootNodes: [{ url: 'redis://127.0.0.1:1' }] })),
  redisLog(createSentinel({ name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] })),
  redisLog(new Redis({ lazyConnect: true })),
  redisLog(new Redis5({ lazyConnect: true })),
  redisLog(new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true })),
];
const overNats = (connection: NatsConnection): Log => natsLog(jetstream(connection));
const overJetStream = (js: JetStreamClient): Log => natsLog(js, { replicas: 3 });
const options: AnswersOptions = { log: [redisLog(createClient(), { prefix: 'a' })] };
const answers: Answers = createAnswers(options);
await answers.close();
if (logs.some((log) => typeof log.append !== 'function')) throw new Error('that is no log');

for (const wrong of [
  // @ts-expect-error: neither client
  () => redisLog('redis://127.0.0.1'),
  // @ts-expect-error: no JetStream
  () => natsLog({}),
  // @ts-expect-error: no such option
  () => redisLog(createClient(), { replicas: 3 }),
  // @ts-expect-error: no log
  () => sse({ log: createClient() }),
]) {
  try {
    wrong();
  } catch (error) {
    if (error instanceof TypeError) continue;
  }
  throw new Error(`${wrong} was taken`);
}
void [overNats, overJetStream];

const stream = sse();

const server = createServer(async (req, res) => {
  if (req.method === 'GET') return stream(req, res);
  if (req.url === '/apples') await stream.hub.sendEvent('apples', { count: 42 });
  res.writeHead(202).end();
  if (req.url !== '/stop') return;
  await stream.hub.close();
  server.close();
});

server.listen(0, '127.0.0.1', () => {
  console.log((server.address() as AddressInfo).port);
});
