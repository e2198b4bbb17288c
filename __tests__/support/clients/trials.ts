import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { createHub, type Hub } from '../../../lib/index.js';
import { CuttingProxy } from '../cuts.js';
import { gone, serve } from '../server.js';
import type { Stream } from './stream.js';

/** Opens a stream with the client that is tried. */
type OpenOne = (url: string) => Stream;

/** Tries one thing with a client, and says how it went in the words of the table. */
export interface Trial {
  /** The head of its column. */
  readonly column: string;
  run(open: OpenOne): Promise<string>;
}

/** Pages of other origins may read the streams. */
function allowed(handler: RequestListener): RequestListener {
  return (req, res) => {
    res.setHeader('Access-Control-Allow-Origin', '*');
    res.setHeader('Access-Control-Allow-Headers', '*, Last-Event-ID, Cache-Control');
    if (req.method === 'OPTIONS') res.end();
    else handler(req, res);
  };
}

const RETRY = 50;

/** How long a server that restarts is away, in ms: a few of those. */
const OUTAGE = 500;

/** How often a restart is tried with a client that gives up. */
const MOST_TRIES = 3;

const NEVER_BACK = 'doesn’t reconnect';

function newHub(): Hub {
  return createHub({ retry: RETRY, sendTimeout: 60_000 });
}

const SENT = [
  ['message', 'plain'],
  ['tick', 'one line\nanother\n\nand a last one'],
  ['message', ' a space first, then 😀 and é'],
  ['tick', 'x'.repeat(1024 * 1024)],
  ['message', 'the last'],
] as const;

async function receivesEvents(open: OpenOne): Promise<string> {
  const hub = newHub();
  const stream = open(await serve(allowed((req, res) => void hub.open(req, res))));
  await stream.receives('ready');
  for (const [type, data] of SENT) await hub.sendEvent(type, data);
  await hub.sendEvent('finish', '');
  await stream.receives('finish');
  const received = stream.events.filter(({ type }) => type === 'message' || type === 'tick');
  const isAll =
    JSON.stringify(received.map(({ type, data }) => [type, data])) === JSON.stringify(SENT);
  const [client] = hub.clients.values();
  stream.close();
  if (client !== undefined) await gone(client);
  return isAll ? 'yes' : 'no';
}

/** What it misses whose connections are cut before an event, inside of one and between two. */
export function missesWhenCut(count: number): Trial['run'] {
  return async (open) => {
    const { sent, received } = await cutOften(count, [open]);
    const [got] = received;
    if (got === undefined) return NEVER_BACK;
    const lost = sent.filter((data) => !got.includes(data)).length;
    if (lost > 0) return `${lost} of ${sent.length} events`;
    return got.length === sent.length ? 'nothing' : 'nothing, and has some twice';
  };
}

/** What was sent while the connections were cut, and what each client received that came back. */
export async function cutOften(
  count: number,
  openers: readonly OpenOne[],
): Promise<{ sent: string[]; received: (string[] | undefined)[] }> {
  const hub = newHub();
  const origin = await serve(allowed((req, res) => void hub.open(req, res)));
  const proxy = await CuttingProxy.inFrontOf(origin);
  const streams = openers.map((open) => open(`${proxy.url}/stream`));
  const isOver = () => streams.every((stream) => stream.isOver);
  const sent: string[] = [];
  // They have their place, and lack everything that is sent from here on.
  await Promise.all(streams.map((stream) => stream.receives('ready')));
  proxy.cut(count - openers.length);
  while (proxy.cuts < count && !isOver()) {
    sent.push(`event ${sent.length}, ${'x'.repeat(50)}`);
    await hub.send(sent.at(-1));
    await pause();
  }
  await hub.sendEvent('finish', '');
  return { sent, received: await Promise.all(streams.map(allOf)) };
}

async function allOf(stream: Stream): Promise<string[] | undefined> {
  await stream.until(({ isOver, events }) => isOver || events.at(-1)?.type === 'finish');
  stream.close();
  if (stream.isOver) return undefined;
  return stream.events
    .filter(({ type }) => type === 'message' || type === 'gap')
    .map(({ type, data }) => (type === 'gap' ? `gap ${data}` : data));
}

/** Keeps what is sent while a client waits to reconnect within the history. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

/** What it does whose stream ended, and that is answered like this when it is back. */
function doesAfter(answer: (res: ServerResponse) => void): Trial['run'] {
  return async (open) => {
    const hub = newHub();
    let requests = 0;
    const url = await serve(
      allowed((req, res) => {
        requests++;
        if (requests === 2) answer(res);
        else void hub.open(req, res);
      }),
    );
    const stream = open(url);
    await stream.receives('ready');
    for (const client of hub.clients.values()) client.close();
    await stream.until(({ isOver, events }) => isOver || events.length > 1);
    stream.close();
    return howItWent(stream, requests);
  };
}

function howItWent({ isOver }: Stream, requests: number): string {
  if (!isOver) return 'reconnects';
  return requests === 1 ? NEVER_BACK : 'gives up';
}

/** What it does whose server is gone for a moment, so that its connections are refused. */
async function doesAfterRestart(open: OpenOne): Promise<string> {
  // On a busy machine, Firefox gives up now and then where it else reconnects: what it can do counts.
  for (let tries = 1; tries < MOST_TRIES; tries++) {
    const outcome = await doesAfterOneRestart(open);
    if (outcome === 'reconnects') return outcome;
  }
  return doesAfterOneRestart(open);
}

async function doesAfterOneRestart(open: OpenOne): Promise<string> {
  const hub = newHub();
  let requests = 0;
  const server = createServer(
    allowed((req, res) => {
      requests++;
      void hub.open(req, res);
    }),
  );
  const url = await serve(server);
  const stream = open(url);
  await stream.receives('ready');
  const closed = once(server.close(), 'close');
  server.closeAllConnections();
  await closed;
  await new Promise((resolve) => setTimeout(resolve, OUTAGE));
  server.listen(Number(new URL(url).port), '127.0.0.1');
  await stream.until(({ isOver, events }) => isOver || events.length > 1);
  stream.close();
  return howItWent(stream, requests);
}

/** The short ones. */
export const TRIALS: readonly Trial[] = [
  { column: 'Types, lines, 1 MB', run: receivesEvents },
  { column: 'Misses, when cut', run: missesWhenCut(6) },
  { column: 'Server restarts', run: doesAfterRestart },
  {
    column: "`refuse: 'retry'`",
    run: doesAfter((res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' }).end(`retry: ${RETRY}\n\n`);
    }),
  },
  {
    column: '503',
    run: doesAfter((res) => {
      res.writeHead(503, { 'Retry-After': '1' }).end();
    }),
  },
  { column: '204', run: doesAfter((res) => res.writeHead(204).end()) },
];
