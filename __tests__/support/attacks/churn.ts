import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHub, type OpenOptions } from '../../../lib/index.js';
import { heldBytes } from '../memory.js';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

/** What a client sends before it is gone: each stage of a connection. */
const STAGES = [
  '',
  GET.slice(0, 10),
  GET,
  GET.replace('GET / ', 'GET /pending '),
  GET.replace('GET', 'HEAD'),
  'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhalf',
  GET.repeat(5),
  GET.replace('\r\n\r\n', '\r\nLast-Event-ID: x\r\n\r\n'),
];

/** How often a second clients connect, all of a step at once. */
const STEPS = 10;

/** How much may be left at the end, beside what the start of the process left. */
const MOST_GROWTH = 1.1;

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

/** Resolves when the client is gone, with a reset or an orderly end. */
function visit(port: number, number: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      const bytes = STAGES[number % STAGES.length] as string;
      const leave = () => (number % 3 === 0 ? socket.end() : socket.resetAndDestroy());
      if (bytes === '') leave();
      else socket.write(bytes, () => setImmediate(leave));
    });
    socket.on('error', () => {}).resume();
    socket.once('close', () => resolve());
  });
}

/** Clients connect and are gone, so many a second, at every stage of a connection. */
export async function attackWithChurn(rate: number, seconds: number): Promise<string> {
  const hub = createHub({ maxClients: 400, maxClientsPerKey: 300, keepAlive: 500 });
  const pending: OpenOptions = { rooms: () => new Promise(() => {}) };
  const server = createServer((req, res) => {
    void hub.open(req, res, req.url === '/pending' ? pending : {});
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  let number = 0;
  const second = async () => {
    for (let step = 0; step < STEPS; step++) {
      const visits = Array.from({ length: rate / STEPS }, () => visit(port, number++));
      void hub.send(`step ${step}`);
      await Promise.all([sleep(1000 / STEPS), ...visits]);
    }
  };
  const quiet = async () => {
    while (hub.size + hub.stats().opening > 0) await sleep(10);
    while ((await connections()) > 0) await sleep(10);
  };
  const connections = () =>
    new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
  // Once through everything first: caches fill, and code is compiled.
  await second();
  await quiet();
  const before = { files: openFiles(), timers: timers(), bytes: heldBytes() };
  for (let passed = 0; passed < seconds; passed++) await second();
  await quiet();
  await hub.flushed();
  const after = { files: openFiles(), timers: timers(), bytes: heldBytes() };
  server.close();
  await hub.close();
  const growth = after.bytes / before.bytes;
  if (after.files > before.files) throw new Error(`${after.files} files, ${before.files} before`);
  if (after.timers > before.timers)
    throw new Error(`${after.timers} timers, ${before.timers} before`);
  if (growth > MOST_GROWTH) throw new Error(`the heap is ${growth.toFixed(2)} times as large`);
  return `${number} clients came and were gone: none left, no timer, no file, heap × ${growth.toFixed(2)}`;
}
