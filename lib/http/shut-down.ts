import { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { quote } from '../errors.js';
import { delay, type Readers, readOptions } from '../validate.js';
import { Connections, IDLE } from './connections.js';

/** What is drained and closed with a server: a hub, or answers. */
export interface Drainable {
  drain(options?: { readonly timeout?: number | undefined }): Promise<void>;
  close(options?: { readonly timeout?: number | undefined }): Promise<void>;
}

/** The options of `shutDown`. */
export interface ShutDownOptions {
  /**
   * How long what is busy may go on, in ms: requests, `sendFrom`, running answers. A number above 0, at most 2 147 483 647.
   * Default 10 000.
   */
  readonly timeout?: number | undefined;
  /**
   * The signals that begin the shutdown, a list of names. An empty list begins it at once. Default
   * `['SIGTERM', 'SIGINT']`.
   */
  readonly signals?: readonly NodeJS.Signals[] | undefined;
}

const shutDownOptions = {
  timeout: (value: unknown) => delay('timeout', value, 10_000),
  signals: (value: unknown = ['SIGTERM', 'SIGINT']): readonly NodeJS.Signals[] => {
    if (Array.isArray(value) && value.every((one) => typeof one === 'string' && one !== '')) {
      return value;
    }
    throw new TypeError(`signals ${quote(value)}: must be a list of names of signals`);
  },
} satisfies Readers<ShutDownOptions>;

/** How long the hubs may take to close, in ms: nobody is connected any more. */
const LAST_STEP = 1000;

/**
 * Shuts a server down without refusing anybody, when a signal comes. In this order:
 *
 * 1. The hubs are drained: streams are ended, each with a time of its own to reconnect, and sends go on working. Connections
 *    that are kept alive are closed behind their next response.
 * 2. The server accepts no more connections. Requests, running answers and what `sendFrom` sends may go on to their ends.
 * 3. The hubs are closed, when no request is left that could send.
 *
 *     shutDown(server, stream.hub).then(() => process.exit());
 *
 * `server` is one of node:http, https or http2, and `hubs` a hub, answers, or a list of these. Call it when the server is made:
 * it has to see the connections. A second signal ends the process as if this were not here.
 *
 * Resolves when all is closed. Throws a TypeError or RangeError for a bad argument.
 */
export function shutDown(
  server: Server,
  hubs: Drainable | readonly Drainable[],
  options: ShutDownOptions = {},
): Promise<void> {
  const all: readonly Drainable[] = Array.isArray(hubs) ? hubs : [hubs as Drainable];
  checkArguments(server, all);
  const { timeout, signals } = readOptions('shutDown options', options, shutDownOptions);
  const connections = new Connections(server);
  return whenTold(signals).then(async () => {
    const drain = () => Promise.all(all.map((hub) => hub.drain({ timeout })));
    connections.closeBehindResponses();
    const drained = drain();
    await Promise.race([drained, sleep(IDLE)]);
    connections.stopListening();
    await drained;
    await connections.closeAll(timeout);
    // Answers that began meanwhile.
    await drain();
    await Promise.all(all.map((hub) => hub.close({ timeout: LAST_STEP })));
  });
}

function checkArguments(server: unknown, hubs: readonly unknown[]): void {
  if (!(server instanceof Server)) {
    throw new TypeError(`shutDown server ${quote(server)}: must be a server, as listen() gives it`);
  }
  for (const hub of hubs) {
    const { drain, close } = (hub ?? {}) as Partial<Drainable>;
    if (typeof drain === 'function' && typeof close === 'function') continue;
    throw new TypeError(`shutDown hub ${quote(hub)}: must be a hub, or answers`);
  }
}

function whenTold(signals: readonly NodeJS.Signals[]): Promise<void> {
  if (signals.length === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const begin = () => {
      for (const signal of signals) process.off(signal, begin);
      resolve();
    };
    for (const signal of signals) process.on(signal, begin);
  });
}
