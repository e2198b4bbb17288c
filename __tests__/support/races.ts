import { randomUUID } from 'node:crypto';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createClient } from 'redis';
import { natsLog } from '../../lib/nats/nats-log.js';
import { redisLog } from '../../lib/redis/redis-log.js';
import { stopEngines } from './engine.js';
import { NATS, natsServer } from './nats-server.js';
import { describeWith } from './needs.js';
import { race } from './race.js';
import { REDIS, redisServer } from './redis-server.js';

/** With so many pages, in memory and over each engine. */
export function races(pages: number): void {
  const what = `nothing is lost or doubled between what a page begins with and what is live, in ${pages} pages`;

  afterAll(stopEngines);

  describe('in memory', () => {
    test(what, async () => {
      expect(await race(pages, [])).toEqual([]);
    });
  });

  describeWith(REDIS, 'over Redis', (path) => {
    test(what, async () => {
      const server = redisServer(path);
      await server.start();
      const prefix = randomUUID();
      const log = () => redisLog(createClient({ url: server.url }), { prefix });
      expect(await race(pages, [log(), log()])).toEqual([]);
    });
  });

  describeWith(NATS, 'over NATS', (path) => {
    test(what, async () => {
      const server = natsServer(path);
      await server.start();
      const prefix = randomUUID();
      const connection = await connect({ servers: `127.0.0.1:${server.port}` });
      const log = () => natsLog(jetstream(connection), { prefix });
      expect(await race(pages, [log(), log()])).toEqual([]);
      await connection.close();
    });
  });
}
