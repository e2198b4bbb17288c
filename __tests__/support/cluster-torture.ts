import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Balancer } from './balancer.js';
import { allGot, openCounters } from './counters.js';

export interface ClusterTorture {
  /** Of Redis or NATS. */
  readonly url: string;
  readonly clients: number;
  /** How many nodes are killed, one after the other, and how many events are sent, at least. */
  readonly kills: number;
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly killsPerSecond: number;
}

export interface ClusterReport {
  readonly sent: number;
  readonly acknowledged: number;
  readonly reconnects: number;
  /** One line for each client that lacks an event, or has one twice, out of order, or unknown. */
  readonly faults: string[];
}

const NODES = 3;

/** A process that serves streams, and takes events. */
interface Node {
  readonly child: ChildProcess;
  readonly port: number;
}

async function startNode(url: string, prefix: string): Promise<Node> {
  const script = join(__dirname, 'node.mjs');
  const child = spawn(process.execPath, [script, url, prefix], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const port = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`a node ended with ${code}`)));
  });
  return { child, port: Number(port) };
}

async function stopNode({ child }: Node): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** The event's id, or undefined where nobody knows what became of it. */
function post(port: number, data: string, agent: Agent): Promise<string | undefined> {
  return new Promise((resolve) => {
    const req = request({ port, host: '127.0.0.1', method: 'POST', agent }, async (res) => {
      const id = await res.toArray().catch(() => []);
      resolve(res.statusCode === 200 && id.length > 0 ? id.join('') : undefined);
    });
    req.on('error', () => resolve(undefined));
    req.end(data);
  });
}

/**
 * Three nodes share a log, and clients are spread over them. Events are sent through all three while
 * one after the other is killed, without warning, and started again. In the end, what each client
 * got is compared with what was acknowledged.
 */
export async function clusterTorture(settings: ClusterTorture): Promise<ClusterReport> {
  const prefix = `torture-${Date.now()}`;
  const start = () => startNode(settings.url, prefix);
  const nodes = await Promise.all(Array.from({ length: NODES }, start));
  const balancer = await Balancer.open(nodes.map(({ port }) => port));
  const agent = new Agent({ keepAlive: true });

  let opened = 0;
  const clients = await openCounters(settings.clients, `http://127.0.0.1:${balancer.port}/`, {
    opened: () => opened++,
    note: ({ data, lastEventId }) => `${data} ${lastEventId}`,
  });

  const acknowledged: string[] = [];
  const sends: Promise<void>[] = [];
  let sent = 0;
  const sender = setInterval(() => {
    const data = String(sent++);
    const { port } = nodes[sent % NODES] as Node;
    sends.push(
      post(port, data, agent).then((id) => {
        if (id !== undefined) acknowledged.push(`${data} ${id}`);
      }),
    );
  }, 1000 / settings.eventsPerSecond);

  for (let kills = 0; kills < settings.kills || sent < settings.events; kills++) {
    const victim = kills % NODES;
    await stopNode(nodes[victim] as Node);
    nodes[victim] = await start();
    balancer.ports[victim] = nodes[victim].port;
    await new Promise((resolve) => setTimeout(resolve, 1000 / settings.killsPerSecond));
  }
  clearInterval(sender);
  await Promise.all(sends);
  // One more, which everybody has to get: all before it are there then.
  const last = `last ${await post((nodes[0] as Node).port, 'last', agent)}`;
  acknowledged.push(last);

  await allGot(clients, last, 60_000);

  for (const { source } of clients) source.close();
  await balancer.close();
  agent.destroy();
  await Promise.all(nodes.map(stopNode));
  const faults = clients.flatMap(({ got }, index) => {
    const fault = faultIn(got, acknowledged, sent);
    return fault === undefined ? [] : [`client ${index}: ${fault}`];
  });
  return {
    sent,
    acknowledged: acknowledged.length,
    reconnects: opened - clients.length,
    faults,
  };
}

/** What is wrong with a client's list: it may hold no more than what was sent, in the log's order. */
function faultIn(
  got: readonly string[],
  acknowledged: readonly string[],
  sent: number,
): string | undefined {
  const set = new Set(got);
  if (set.size !== got.length) return 'has an event twice';
  const missing = acknowledged.filter((event) => !set.has(event));
  if (missing.length > 0)
    return `lacks ${missing.length} events: ${missing.slice(0, 5).join(', ')}`;
  let before = 0;
  for (const event of got) {
    const [, data, sequence] = /^(\d+|last) \S+\.(\d+)$/.exec(event) ?? [];
    if (sequence === undefined || Number(data) >= sent) return `has what was never sent: ${event}`;
    // Dense, from the first one: nothing that is in the log was left out, acknowledged or not.
    if (before > 0 && Number(sequence) !== before + 1) return `has ${event} after ${before}`;
    before = Number(sequence);
  }
  return undefined;
}
