import { randomUUID } from 'node:crypto';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createClient } from 'redis';
import { natsLog } from '../lib/nats/nats-log.js';
import { redisLog } from '../lib/redis/redis-log.js';
import { stopEngines } from './support/engine.js';
import { NATS, natsServer } from './support/nats-server.js';
import { describeWith } from './support/needs.js';
import { race } from './support/race.js';
import { REDIS, redisServer } from './support/redis-server.js';

const PAGES = 10_000;
const WHAT = `nothing is lost or doubled between what a page begins with and what is live, in ${PAGES} pages`;

// Ten thousand connections take their time on a machine that is busy.
jest.setTimeout(600_000);

afterAll(stopEngines);

describe('in memory', () => {
  test(WHAT, async () => {
    expect(await race(PAGES, [])).toEqual([]);
  });
});

describeWith(REDIS, 'over Redis', (path) => {
  test(WHAT, async () => {
    const server = redisServer(path);
    await server.start();
    const prefix = randomUUID();
    const log = () => redisLog(createClient({ url: server.url }), { prefix });
    expect(await race(PAGES, [log(), log()])).toEqual([]);
  });
});

describeWith(NATS, 'over NATS', (path) => {
  test(WHAT, async () => {
    const server = natsServer(path);
    await server.start();
    const prefix = randomUUID();
    const connection = await connect({ servers: `127.0.0.1:${server.port}` });
    const log = () => natsLog(jetstream(connection), { prefix });
    expect(await race(PAGES, [log(), log()])).toEqual([]);
    await connection.close();
  });
});
