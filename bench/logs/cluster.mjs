// One run: an engine, and processes that share a log in it, all started for the run, and gone after.
import { setTimeout as wait } from 'node:timers/promises';
import { inTime } from '../in-time.mjs';
import { forkModule } from '../rpc.mjs';
import { startEngine } from './engines.mjs';

/** In which engine the log of each client is; none for the one in memory. */
const ENGINES = { redis: 'redis', ioredis: 'redis', plain: 'redis', nats: 'nats' };

/** So long a process may take to end things well. */
const STOP_MS = 2000;

/** Gives `run` a cluster whose processes use this client, and ends them whatever comes of it. */
export async function withCluster({ client, history }, run) {
  const kind = ENGINES[client];
  const engine = kind && (await startEngine(kind));
  const cluster = new Cluster({ client, url: engine?.url, prefix: PREFIX, history }, engine);
  try {
    return await inTime(run(cluster));
  } finally {
    await cluster.stop();
    await engine?.stop();
  }
}

export const PREFIX = 'bench';

class Cluster {
  #peers = [];
  /** The process with the clients, started with the first node. */
  load;
  /** How many events every client has had, or has missed on purpose. */
  total = 0;

  constructor(log, engine) {
    this.log = log;
    this.engine = engine;
  }

  /** A module of this folder in a process of its own, and what its `open` is told. */
  async fork(file, options) {
    return (await this.forkWith(file, options)).peer;
  }

  /** The same, with what `open` has returned. */
  async forkWith(file, options) {
    const peer = this.#started(forkModule(`logs/${file}`));
    const opened = await peer.call('open', { log: this.log, ...options });
    return { peer, opened };
  }

  /** A process with a hub that clients can connect to. */
  async node(hub = {}, execArgv = []) {
    this.load ??= this.#started(forkModule('load.mjs'));
    const server = this.#started(forkModule('server.mjs', execArgv));
    const options = { log: this.log, hub };
    const { port } = await server.call('open', { module: 'log-hub', options });
    return { server, port };
  }

  /** Microseconds of CPU of the engine; 0 where there is none. */
  engineCpu() {
    return this.engine?.cpu() ?? 0;
  }

  async stop() {
    // Without patience: whatever has failed may hang, or be gone already.
    const reset = this.load?.call('reset').catch(() => {});
    if (reset) await Promise.race([reset, wait(STOP_MS, undefined, { ref: false })]);
    await Promise.all(this.#peers.map((peer) => peer.stop()));
  }

  #started(peer) {
    this.#peers.push(peer);
    return peer;
  }
}
