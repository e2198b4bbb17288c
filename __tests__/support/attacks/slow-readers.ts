import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HubStats } from '../../../lib/index.js';
import { dropLater } from '../stream-client.js';
import { Child } from './child.js';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const AT_ONCE = 100;

/** One event, of so many bytes that a stalled client is far behind after some hundreds of them. */
const EVENT_BYTES = 65_536;

class Reader {
  readonly delays: number[] = [];
  readonly socket: Socket;
  #rest = '';

  constructor(port: number) {
    this.socket = dropLater(connect(port, '127.0.0.1'));
    this.socket.on('error', () => {});
    this.socket.setEncoding('latin1').on('data', (chunk: string) => this.#take(chunk));
    this.socket.write(GET);
  }

  #take(chunk: string): void {
    const text = this.#rest + chunk;
    for (const [, sent] of text.matchAll(/data: (\d{13}) /g))
      this.delays.push(Date.now() - Number(sent));
    // What may be the beginning of such a line.
    this.#rest = text.slice(
      Math.max(
        0,
        text.lastIndexOf('data: ') < text.length - 20 ? text.length : text.lastIndexOf('data: '),
      ),
    );
  }
}

function percentile99(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length * 0.99)] ?? 0;
}

async function open(port: number, count: number): Promise<Reader[]> {
  const readers: Reader[] = [];
  while (readers.length < count) {
    const some = Array.from(
      { length: Math.min(AT_ONCE, count - readers.length) },
      () => new Reader(port),
    );
    await Promise.all(
      some.map(({ socket }) => new Promise((resolve) => socket.once('data', resolve))),
    );
    readers.push(...some);
  }
  return readers;
}

/** Some of the clients stop reading, and each of them is sent 16 MB. */
export async function attackWithSlowReaders(
  clients: number,
  stalled: number,
  { measures }: { readonly measures: boolean },
): Promise<string> {
  const hub = { sendTimeout: 2000, keepAlive: 1000 };
  const child = await Child.start({ hub, node: ['--max-old-space-size=256'] });
  const port = Number(new URL(child.url).port);
  const readers = await open(port, clients);
  const rest = readers.slice(stalled);
  const small = { count: 200, bytes: 100 };
  const delaysOf = async (args: object) => {
    for (const reader of rest) reader.delays.length = 0;
    await child.ask('send', args);
    while (rest.some(({ delays }) => delays.length < small.count)) await sleep(10);
    return percentile99(rest.flatMap(({ delays }) => delays));
  };
  const before = await delaysOf(small);
  for (const { socket } of readers.slice(0, stalled)) socket.pause();
  const during = await delaysOf(small);
  const large = { count: Math.ceil(16_000_000 / EVENT_BYTES), bytes: EVENT_BYTES };
  await child.ask('send', large);
  let stats = await child.ask<HubStats>('stats');
  while (stats.evicted < stalled) {
    await sleep(100);
    stats = await child.ask<HubStats>('stats');
  }
  const { rss } = await child.ask<NodeJS.MemoryUsage>('memory');
  if (stats.connected !== clients - stalled) throw new Error(`${stats.connected} are connected`);
  const ratio = during / Math.max(1, before);
  if (measures && ratio > 1.5)
    throw new Error(`p99 of the others: ${during} ms, ${before} ms before`);
  const times = measures ? `; p99 of the others ${during} ms, ${before} ms without` : '';
  return `${stalled} of ${clients} stalled, all evicted, ${(rss / 1e6).toFixed(0)} MB resident${times}`;
}
