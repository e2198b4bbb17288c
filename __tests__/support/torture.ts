import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { sse } from '../../lib/index.js';
import { allGot, openCounters } from './counters.js';

export interface Torture {
  readonly clients: number;
  /** How many events are sent, and how many connections reset, at least. */
  readonly events: number;
  readonly resets: number;
  readonly eventsPerSecond: number;
  readonly resetsPerSecond: number;
  /** The hub's option: streams that end by themselves come on top of those that are cut. */
  readonly maxAge?: number;
}

export interface TortureReport {
  readonly sent: number;
  readonly resets: number;
  readonly reconnects: number;
  /** One line for each client whose list of events differs from what was sent. */
  readonly faults: string[];
}

/**
 * Sends events to many EventSources while their connections are reset at random, and then compares
 * what each of them got with what was sent.
 */
export async function torture(settings: Torture): Promise<TortureReport> {
  const stream = sse({
    retry: 20,
    history: { events: 100_000 },
    maxAge: settings.maxAge,
  });
  const sockets = new Set<Socket>();
  const server = createServer((req, res) => {
    sockets.add(req.socket);
    req.socket.once('close', () => sockets.delete(req.socket));
    stream(req, res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  let opened = 0;
  const clients = await openCounters(settings.clients, url, {
    opened: () => opened++,
    note: ({ data }) => data,
  });

  let sent = 0;
  let resets = 0;
  const sends: Promise<unknown>[] = [];
  let over = () => {};
  const sender = setInterval(() => {
    sends.push(stream.hub.sendEvent('count', String(sent++)));
    if (sent >= settings.events && resets >= settings.resets) over();
  }, 1000 / settings.eventsPerSecond);
  const resetter = setInterval(() => {
    const open = [...sockets];
    const socket = open[Math.floor(Math.random() * open.length)];
    if (socket === undefined) return;
    socket.resetAndDestroy();
    resets++;
  }, 1000 / settings.resetsPerSecond);
  await new Promise<void>((resolve) => {
    over = resolve;
  });
  clearInterval(sender);
  clearInterval(resetter);
  await Promise.all(sends);

  const last = String(sent - 1);
  await allGot(clients, last, 60_000);

  const expected = Array.from({ length: sent }, (_, index) => String(index)).join();
  const faults = clients.flatMap(({ got }, index) =>
    got.join() === expected
      ? []
      : [`client ${index} got ${got.length} of ${sent}: ${got.join(' ')}`],
  );
  for (const { source } of clients) source.close();
  await stream.hub.close();
  server.closeAllConnections();
  server.close();
  return { sent, resets, reconnects: opened - settings.clients, faults };
}
