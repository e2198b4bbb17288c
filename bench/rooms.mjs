// What an event for one room costs, with few and with many other clients connected to the same hub.
// Run: npm run bench:rooms
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { createHub } from '../dist/esm/index.js';

const MEMBERS = 10;
const OTHERS = [10, 10_000];
const EVENTS = 5_000;
const ROUNDS = 5;

if (process.send) openClients(...process.argv.slice(2).map(Number));
else await compare();

/** The load, in a process of its own: clients that read, and count nothing. */
function openClients(port, count) {
  const buffer = Buffer.allocUnsafe(64 * 1024);
  for (let client = 0; client < count; client++) {
    const path = client < MEMBERS ? '/?room' : '/';
    const socket = connect({ port, host: '127.0.0.1', onread: { buffer, callback: () => true } });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`);
  }
}

async function compare() {
  const hubs = [];
  for (const others of OTHERS) hubs.push(await openHub(others));
  const costs = OTHERS.map(() => []);
  // In turn, so that a machine that slows down slows both.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, { hub }] of hubs.entries()) {
      const cost = await measure(hub);
      if (round > 0) costs[index].push(cost);
    }
  }
  const medians = costs.map((list) => list.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]);
  for (const [index, others] of OTHERS.entries()) {
    const [least, most] = [costs[index][0], costs[index].at(-1)];
    console.log(
      `${MEMBERS} clients in the room, ${others} others: ${medians[index].toFixed(1)} µs an event` +
        ` (${least.toFixed(1)} to ${most.toFixed(1)})`,
    );
  }
  console.log(`ratio ${(medians[1] / medians[0]).toFixed(2)}`);
  for (const { load } of hubs) load.kill();
  process.exit();
}

async function openHub(others) {
  // Each send waits until the event before it was written.
  const hub = createHub({ keepAlive: false, requestQueueSize: 1 });
  const rooms = (req) => (req.url === '/?room' ? ['room'] : []);
  const server = createServer((req, res) => hub.open(req, res, { rooms }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const args = [server.address().port, MEMBERS + others].map(String);
  const load = fork(new URL(import.meta.url), args);
  while (hub.size < MEMBERS + others) await new Promise((resolve) => setTimeout(resolve, 20));
  return { hub, load };
}

/** CPU of this process for one event, in microseconds. */
async function measure(hub) {
  const room = hub.to('room');
  const before = process.cpuUsage();
  for (let event = 0; event < EVENTS; event++) await room.send('x'.repeat(128));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / EVENTS;
}
