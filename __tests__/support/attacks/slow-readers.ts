import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HubStats } from '../../../lib/index.js';
import { dropLater } from '../stream-client.js';
import { Child } from './child.js';

const AT_ONCE = 100;

/** What a stalled client is sent, and in events of which size. */
const BYTES = 16_000_000;
const EVENT_BYTES = 65_536;

class Reader {
  readonly delays: number[] = [];
  readonly socket: Socket;
  #rest = '';

  constructor(port: number, path: string) {
    this.socket = dropLater(connect(port, '127.0.0.1'));
    this.socket.on('error', () => {});
    this.socket.setEncoding('latin1').on('data', (chunk: string) => this.#take(chunk));
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  }

  #take(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() as string;
    for (const line of lines) {
      const [, sent] = /^data: (\d{13}) /.exec(line) ?? [];
      if (sent !== undefined) this.delays.push(Date.now() - Number(sent));
    }
  }
}

function percentile99(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length * 0.99)] ?? 0;
}

async function open(port: number, count: number, path = '/'): Promise<Reader[]> {
  const readers: Reader[] = [];
  while (readers.length < count) {
    const length = Math.min(AT_ONCE, count - readers.length);
    const some = Array.from({ length }, () => new Reader(port, path));
    await Promise.all(
      some.map(({ socket }) => new Promise((resolve) => socket.once('data', resolve))),
    );
    readers.push(...some);
  }
  return readers;
}

/** Some of the clients stop reading, and are sent 16 MB each, while the others are sent small events. */
export async function attackWithSlowReaders(
  clients: number,
  stalled: number,
  { measures }: { readonly measures: boolean },
): Promise<string> {
  const hub = { sendTimeout: 2000, keepAlive: 1000 };
  const child = await Child.start({ hub, node: ['--max-old-space-size=256'] });
  const port = Number(new URL(child.url).port);
  const slow = await open(port, stalled, '/?room=slow');
  const others = await open(port, clients - stalled, '/?room=others');
  const small = { count: 200, bytes: 100, room: 'others' };
  const percentile = async (meanwhile: Promise<unknown>) => {
    for (const reader of others) reader.delays.length = 0;
    await Promise.all([child.ask('send', small), meanwhile]);
    while (others.some(({ delays }) => delays.length < small.count)) await sleep(10);
    return percentile99(others.flatMap(({ delays }) => delays));
  };
  const before = await percentile(Promise.resolve());
  for (const { socket } of slow) socket.pause();
  const large = { count: Math.ceil(BYTES / EVENT_BYTES), bytes: EVENT_BYTES, room: 'slow' };
  const during = await percentile(child.ask('send', large));
  let stats = await child.ask<HubStats>('stats');
  while (stats.evicted < stalled) {
    await sleep(100);
    stats = await child.ask<HubStats>('stats');
  }
  const { rss } = await child.ask<NodeJS.MemoryUsage>('memory');
  if (stats.connected !== clients - stalled) throw new Error(`${stats.connected} are connected`);
  const times = `p99 of the others ${during} ms, ${before} ms without them`;
  if (measures && during > 1.5 * Math.max(1, before)) throw new Error(times);
  const said = measures ? `; ${times}` : '';
  return `${stalled} of ${clients} stalled, all evicted, ${(rss / 1e6).toFixed(0)} MB resident${said}`;
}
