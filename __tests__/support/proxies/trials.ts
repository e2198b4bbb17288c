import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import type { Client } from '../../../lib/index.js';
import type { Open, Stream } from '../clients/stream.js';
import { gone } from '../server.js';
import { fetchHead, StreamReader } from '../stream-client.js';
import type { App } from './app.js';
import type { ProxyServer } from './server.js';

/** What stands behind a proxy, the proxy, and who opens streams through it. */
export interface Site {
  readonly app: App;
  readonly proxy: ProxyServer;
  readonly open: Open;
}

/** Tries one thing with a proxy, and says how it went in the words of the table. */
export interface Trial {
  /** The head of its column. */
  readonly column: string;
  run(site: Site): Promise<string>;
}

/** Longer than a proxy that passes something on at once needs on a busy machine, in ms. */
const LONG = 5000;

/** How long an app that restarts is away, in ms. */
const OUTAGE = 1000;

/** Gives up after the same two statuses as browsers do. */
const CLIENT = 'eventsource 4';

async function within<T>(time: number, work: Promise<T>): Promise<T | undefined> {
  return Promise.race([work, sleep(time, undefined, { ref: false })]);
}

async function passesEventsOn({ app, proxy }: Site): Promise<string> {
  const reader = await within(LONG, StreamReader.open(`${proxy.url}/stream`));
  if (reader === undefined) return 'held back';
  await app.hub.send('an event');
  const events = await within(LONG, reader.received(1));
  reader.destroy();
  return events === undefined ? 'held back' : 'at once';
}

async function passesEventsOnCompressed({ app, proxy }: Site): Promise<string> {
  const headers = { 'accept-encoding': 'gzip' };
  const response = await within(LONG, fetchHead(`${proxy.url}/stream`, { headers }));
  if (response === undefined) return 'held back';
  const isCompressed = response.headers['content-encoding'] === 'gzip';
  const reader = new StreamReader(isCompressed ? response.pipe(createGunzip()) : response);
  await app.hub.send('an event');
  const events = await within(LONG, reader.received(1));
  response.destroy();
  if (events === undefined) return 'held back';
  return isCompressed ? 'gzip, at once' : 'left alone';
}

async function tellsTheAddress({ app, proxy }: Site): Promise<string> {
  const reader = await StreamReader.open(`${proxy.url}/stream`);
  reader.destroy();
  return String(app.forwardedFor).endsWith('127.0.0.1') ? '`X-Forwarded-For`' : 'not told';
}

async function tellsWhoLeft({ app: { hub }, proxy }: Site): Promise<string> {
  const reader = await StreamReader.open(`${proxy.url}/stream`);
  const [client] = [...hub.clients.values()] as [Client];
  reader.destroy();
  const isNoticed = () =>
    within(
      LONG,
      gone(client).then(() => true),
    );
  for (const write of ['first', 'second']) {
    // As good as a heartbeat, and sooner.
    await hub.send('is anybody there?');
    if (await isNoticed()) return `by the ${write} heartbeat`;
  }
  return 'never noticed';
}

/** How a client gets over an outage, with an event in its course. */
async function survives({ app, proxy, open }: Site, outage: () => Promise<void>): Promise<string> {
  const stream = open(CLIENT, `${proxy.url}/stream`);
  await stream.receives('ready');
  await app.hub.send('before');
  await stream.receives('message');
  await outage();
  await stream.until(({ isOver, events }) => isOver || countOf(events, 'ready') > 1);
  await app.hub.sendEvent('finish', '');
  await stream.until(({ isOver, events }) => isOver || countOf(events, 'finish') > 0);
  stream.close();
  if (stream.isOver) return 'gives up';
  const got = stream.events.filter(({ type }) => type === 'message').map(({ data }) => data);
  return got.join() === 'before,meanwhile' ? 'misses nothing' : `got ${got.join()}`;
}

function countOf(events: Stream['events'], type: string): number {
  return events.filter((event) => event.type === type).length;
}

/** Longer than proxies let a connection be quiet by default, in ms. */
export const IDLE = 75_000;

/** For the soak: whether a stream on which only heartbeats flow is still there. */
export async function staysOpen({ app, proxy }: Site): Promise<boolean> {
  const reader = await StreamReader.open(`${proxy.url}/stream`);
  await sleep(IDLE);
  await app.hub.send('still there?');
  const events = await within(LONG, reader.received(1));
  reader.destroy();
  return events !== undefined;
}

export const TRIALS: readonly Trial[] = [
  { column: 'Events', run: passesEventsOn },
  { column: 'Compressed', run: passesEventsOnCompressed },
  { column: 'The client’s address', run: tellsTheAddress },
  { column: 'A reader that left', run: tellsWhoLeft },
  {
    column: 'The proxy restarts',
    run: (site) =>
      survives(site, async () => {
        await site.proxy.kill();
        await site.app.hub.send('meanwhile');
        await site.proxy.startAgain();
      }),
  },
  {
    column: 'The app restarts',
    run: (site) =>
      survives(site, async () => {
        await site.app.stop();
        await site.app.hub.send('meanwhile');
        await sleep(OUTAGE);
        await site.app.startAgain();
      }),
  },
];
