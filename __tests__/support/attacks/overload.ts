import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HubStats } from '../../../lib/index.js';
import { createHub } from '../../../lib/index.js';
import { serve } from '../server.js';
import { dropLater, fetchHead, StreamReader } from '../stream-client.js';
import { Child } from './child.js';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

function client(url: string): Socket {
  const socket = dropLater(connect(Number(new URL(url).port), '127.0.0.1'));
  socket.on('error', () => {}).resume();
  socket.write(GET);
  return socket;
}

async function isServed(url: string): Promise<void> {
  const response = await fetchHead(url);
  if (response.statusCode !== 200) throw new Error(`served with ${response.statusCode}`);
  response.destroy();
}

/** More connections than the process may open files. */
async function withoutFiles(count: number): Promise<string> {
  const child = await Child.start({ files: 100 });
  const sockets = Array.from({ length: count }, () => client(child.url));
  while ((await child.ask<HubStats>('stats')).connected < 50) await sleep(10);
  for (const socket of sockets) socket.destroy();
  while ((await child.ask<HubStats>('stats')).connected > 0) await sleep(10);
  await isServed(child.url);
  return `${count} connections with 100 files`;
}

/** More clients than `maxClients`, all at once. */
async function storm(count: number): Promise<string> {
  const child = await Child.start({ hub: { maxClients: 10, refuse: 'status' } });
  const responses = await Promise.all(Array.from({ length: count }, () => fetchHead(child.url)));
  const served = responses.filter(({ statusCode }) => statusCode === 200);
  if (served.length !== 10) throw new Error(`${served.length} of maxClients 10 were let in`);
  for (const response of responses) response.destroy();
  while ((await child.ask<HubStats>('stats')).connected > 0) await sleep(10);
  await isServed(child.url);
  return `${count} clients for 10 places`;
}

/** Sends that nobody awaits, and an event that is far too large. */
async function sends(count: number): Promise<string> {
  const hub = createHub();
  const url = await serve((req, res) => void hub.open(req, res));
  const reader = await StreamReader.open(url);
  const all = Array.from({ length: count }, (_, number) => hub.send(`${number}`));
  await Promise.all(all);
  await reader.received(count);
  const large = await hub.send(Buffer.alloc(200_000_000)).catch((error: Error) => error.name);
  if (large !== 'RangeError') throw new Error(`200 MB: ${large}`);
  await hub.send('after');
  await reader.received(count + 1);
  await isServed(url);
  if (hub.stats().evicted > 0) throw new Error('somebody was evicted');
  return `${count} sends not awaited, and 200 MB refused`;
}

/** The event loop stands still for longer than clients may be blocked. */
async function blockedLoop(ms: number): Promise<string> {
  const child = await Child.start({ hub: { sendTimeout: ms * 0.8, keepAlive: ms / 4 } });
  const readers = await Promise.all([1, 2, 3].map(() => StreamReader.open(child.url)));
  const sending = child.ask('send', { count: 100, bytes: 100_000 });
  const blocking = child.ask('block', { ms });
  await Promise.all([sending, blocking]);
  for (const reader of readers) await reader.received(100);
  await isServed(child.url);
  const { evicted, gaps } = await child.ask<HubStats>('stats');
  if (evicted + gaps > 0) throw new Error(`${evicted} evicted, ${gaps} gaps`);
  return `a loop blocked for ${ms / 1000} s`;
}

/** Too much of everything, and then a client that wants to be served. */
export async function attackWithOverload(scale: number): Promise<string> {
  const done = [
    await withoutFiles(200 * scale),
    await storm(100 * scale),
    await sends(10_000 * scale),
    // The readers share a busy process: they need some of the time themselves.
    await blockedLoop(3000 + 1200 * scale),
  ];
  return `${done.join('; ')}: alive, served, nobody evicted`;
}
