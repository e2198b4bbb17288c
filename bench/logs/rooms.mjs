// What a room costs that is one of many, and a client that begins with the newest events of its room.
import { createServer, get } from 'node:http';
import { createHub } from '../../dist/esm/index.js';
import { micros } from '../clock.mjs';
import { openLog, redisClient } from './open-log.mjs';

const DATA = 'x'.repeat(120);
/** How many sends are on their way at a time. */
const IN_FLIGHT = 1000;
/** How often each thing is measured in one round; the median counts. */
const TIMES = 15;

/** A client comes back to a room of so many events, beside so many other rooms of as many. */
export async function roomReplay(cluster, { events, others }) {
  return withHubs(cluster, async ({ writing, reading, url }) => {
    const before = await writing.to('own').send(DATA);
    for (let sent = 0; sent < events; sent++) {
      await Promise.all([
        writing.to('own').send(DATA),
        ...Array.from({ length: others }, (_, room) => writing.to(`other ${room}`).send(DATA)),
      ]);
    }
    const node = await reading();
    const replay = () => receive(`${url(node)}/?rooms=own&lastEventId=${before}`, events);
    await replay();
    const bytes = await sentBy(cluster);
    const times = await repeat(replay);
    return {
      live: median(times),
      ...(cluster.engine && { bytes: ((await sentBy(cluster)) - bytes) / TIMES / 1024 }),
    };
  });
}

/** A client that begins with the newest 20 events of its room, beside one that begins with none. */
export async function join(cluster, { events, rooms }) {
  return withHubs(cluster, async ({ writing, reading, url }) => {
    for (let sent = 0; sent < events; sent += IN_FLIGHT) {
      await Promise.all(
        Array.from({ length: IN_FLIGHT }, (_, index) =>
          writing.to(`room ${(sent + index) % rooms}`).send(DATA),
        ),
      );
    }
    const node = await reading();
    const joins = () => receive(`${url(node)}/?rooms=room+0&start=last`, 20);
    const connects = () => receive(`${url(node)}/?rooms=room+0`, 0);
    await joins();
    await connects();
    const [joined, plain] = [[], []];
    for (let count = 0; count < TIMES; count++) {
      joined.push(await joins());
      plain.push(await connects());
    }
    return { join: median(joined), connect: median(plain), added: median(joined) - median(plain) };
  });
}

/** Gives `run` a hub that writes, and what makes one that has only just started; one and the same in memory. */
async function withHubs({ log }, run) {
  const isShared = log.client !== 'memory';
  const { history } = log;
  const hubs = [];
  const servers = [];
  const make = async () => {
    const options = { requestQueueSize: IN_FLIGHT, keepAlive: false };
    const hub = isShared
      ? createHub({ ...options, log: await openLog(log) })
      : createHub({ ...options, history });
    hubs.push(hub);
    return hub;
  };
  const writing = await make();
  const reading = async () => {
    const hub = isShared ? await make() : writing;
    await hub.position();
    const server = createServer((req, res) => {
      const { searchParams } = new URL(req.url, 'http://localhost');
      const start = searchParams.get('start') === 'last' ? { last: 20 } : 'now';
      hub.open(req, res, { rooms: [searchParams.get('rooms')], start });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push(server);
    return server;
  };
  const url = (server) => `http://127.0.0.1:${server.address().port}`;
  try {
    return await run({ writing, reading, url });
  } finally {
    for (const server of servers) server.close().closeAllConnections();
    await Promise.all(hubs.map((hub) => hub.close({ timeout: 500 })));
  }
}

/** From just before a client connects until it has so many events, or its greeting, in ms. */
function receive(url, events) {
  return new Promise((resolve, reject) => {
    const startedAt = micros();
    const request = get(url, { agent: false }, (response) => {
      let seen = 0;
      let rest = '';
      response.setEncoding('utf8').on('data', (text) => {
        const blocks = (rest + text).split('\n\n');
        rest = blocks.pop();
        seen += blocks.filter((block) => block.startsWith('data: ')).length;
        if (seen < events) return;
        resolve((micros() - startedAt) / 1000);
        request.destroy();
      });
      response.on('error', () => {});
      response.on('end', () => reject(new Error(`the stream ended after ${seen} events`)));
    });
    request.on('error', () => {});
  });
}

async function repeat(work) {
  const times = [];
  for (let count = 0; count < TIMES; count++) times.push(await work());
  return times;
}

function median(list) {
  return [...list].sort((one, other) => one - other)[Math.floor(list.length / 2)];
}

/** How many bytes the engine has sent. */
async function sentBy({ engine }) {
  if (engine === undefined) return 0;
  const client = await redisClient(engine.url);
  await client.connect();
  const text = await client.info('stats');
  await client.close();
  return Number(/total_net_output_bytes:(\d+)/.exec(text)[1]);
}
