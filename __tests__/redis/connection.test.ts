import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { createClient, createCluster } from 'redis';
import { createClient as createClient5, createCluster as createCluster5 } from 'redis5';
import type { Log } from '../../lib/index.js';
import { redisLog } from '../../lib/redis/redis-log.js';
import { RecordingFollower } from '../support/recording-follower.js';

const clients: readonly [string, (url: string) => Log][] = [
  ['redis 6', (url) => redisLog(createClient({ url }))],
  ['redis 5', (url) => redisLog(createClient5({ url }))],
  ['ioredis 6', (url) => redisLog(new Redis(url, { lazyConnect: true }))],
  ['ioredis 5', (url) => redisLog(new Redis5(url, { lazyConnect: true }))],
  ['redis 6, for a cluster', (url) => redisLog(createCluster({ rootNodes: [{ url }] }))],
  ['redis 5, for a cluster', (url) => redisLog(createCluster5({ rootNodes: [{ url }] }))],
  ['ioredis 6, for a cluster', (url) => redisLog(new Cluster([url], { lazyConnect: true }))],
  ['ioredis 5, for a cluster', (url) => redisLog(new Cluster5([url], { lazyConnect: true }))],
  ['ioredis 6, behind sentinels', (url) => redisLog(new Redis(behindSentinel(url)))],
  ['ioredis 5, behind sentinels', (url) => redisLog(new Redis5(behindSentinel(url)))],
];

function behindSentinel(url: string) {
  const { hostname: host, port } = new URL(url);
  return { name: 'main', sentinels: [{ host, port: Number(port) }], lazyConnect: true };
}

test.concurrent.each(clients)(
  'a server that takes a connection of %s and never answers is left again',
  async (_name, open) => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.resume());
      socket.on('error', () => {});
      server.emit('attempt');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');

    const log = open(`redis://127.0.0.1:${(server.address() as AddressInfo).port}`);
    log.follow(new RecordingFollower());
    while (sockets.length < 2) await once(server, 'attempt');
    // Its end may arrive here after the next attempt.
    const [first] = sockets as [Socket];
    if (!first.closed) await once(first, 'close');
    await log.close?.();
    // It resolves when no connection is left.
    await once(server.close(), 'close');
  },
);
