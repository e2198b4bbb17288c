import { setTimeout as sleep } from 'node:timers/promises';
import { createHub, type Hub, type HubOptions, type Log } from '../../lib/index.js';
import { type TcpProxy, tcpProxy } from './proxy.js';
import { serve } from './server.js';
import { type Received, StreamReader } from './stream-client.js';

/** A log for one hub, and how to let go of the client behind it. */
export interface OpenLog {
  readonly log: Log;
  close(): Promise<void>;
}

/** Opens a log in the server that listens on this port of loopback, which keeps so many events. */
export type LogOpener = (port: number, prefix: string, events: number) => Promise<OpenLog>;

/** An event that the log has acknowledged. */
interface Acknowledged {
  readonly data: string;
  readonly id: string;
}

const READERS = 3;
const PACE = 5;
let fleets = 0;

/** A hub with a few clients, whose way to the log leads through a proxy, and who sends all the time. */
export class Node {
  readonly acknowledged: Acknowledged[] = [];
  readonly rejected: { readonly data: string; readonly error: unknown }[] = [];
  readers: StreamReader[] = [];
  #sent = 0;
  #sending: Promise<void> | undefined;
  #paused = false;
  readonly #watchers = new Set<() => void>();

  constructor(
    readonly name: string,
    readonly hub: Hub,
    readonly url: string,
    readonly proxy: TcpProxy,
    readonly closeLog: () => Promise<void>,
  ) {}

  /** Sends all the time from now on, if it doesn't already. */
  resume(): void {
    this.#paused = false;
    this.#sending ??= this.#send();
  }

  /** Resolves when nothing is on its way any more. */
  async pause(): Promise<void> {
    this.#paused = true;
    await this.#sending;
    this.#sending = undefined;
  }

  /** Resolves when so many more events were acknowledged. */
  async acknowledges(count: number): Promise<void> {
    const goal = this.acknowledged.length + count;
    while (this.acknowledged.length < goal) {
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  async #send(): Promise<void> {
    while (!this.#paused) {
      const data = `${this.name}${this.#sent++}`;
      try {
        this.acknowledged.push({ data, id: await this.hub.send(data) });
        for (const watcher of this.#watchers) watcher();
        this.#watchers.clear();
      } catch (error) {
        this.rejected.push({ data, error });
      }
      await sleep(PACE);
    }
  }
}

/** Two nodes that share a log. */
export class Fleet {
  private constructor(
    readonly prefix: string,
    readonly a: Node,
    readonly b: Node,
  ) {}

  static async open(
    port: number,
    openLog: LogOpener,
    events = 10_000,
    options: HubOptions = {},
  ): Promise<Fleet> {
    const prefix = `fleet-${process.pid}-${fleets++}`;
    const open = async (name: string): Promise<Node> => {
      const proxy = await tcpProxy(port);
      const { log, close } = await openLog(proxy.port, prefix, events);
      const hub = createHub({ log, ...options });
      const url = await serve((req, res) => void hub.open(req, res));
      const node = new Node(name, hub, url, proxy, close);
      for (let count = 0; count < READERS; count++) node.readers.push(await StreamReader.open(url));
      return node;
    };
    return new Fleet(prefix, await open('a'), await open('b'));
  }

  get nodes(): readonly Node[] {
    return [this.a, this.b];
  }

  get readers(): readonly StreamReader[] {
    return this.nodes.flatMap(({ readers }) => readers);
  }

  get acknowledged(): readonly Acknowledged[] {
    return this.nodes.flatMap(({ acknowledged }) => acknowledged);
  }

  resume(): void {
    for (const node of this.nodes) node.resume();
  }

  async pause(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.pause()));
  }

  async acknowledges(count: number): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.acknowledges(count)));
  }

  /** Resolves when every client has what was sent up to now. Nothing must be sent meanwhile. */
  async settled(): Promise<void> {
    for (const { name, hub, acknowledged } of this.nodes) {
      const data = `${name}-last`;
      acknowledged.push({ data, id: await hub.send(data) });
      await Promise.all(
        this.readers.map((reader) => reader.until(() => reader.events.at(-1)?.data === data)),
      );
    }
  }

  async close(): Promise<void> {
    await this.pause();
    await Promise.all(this.nodes.map(({ hub }) => hub.close()));
    await Promise.all(this.nodes.map(({ closeLog }) => closeLog()));
    await Promise.all(this.nodes.map(({ proxy }) => proxy.close()));
  }

  /** One line for each thing that a client has wrongly, or lacks. */
  faults(): string[] {
    return this.nodes.flatMap(({ name, readers }) =>
      readers.flatMap((reader, index) =>
        [...faultsIn(reader, this.acknowledged)].map((fault) => `client ${name}${index} ${fault}`),
      ),
    );
  }
}

/** The gaps that a client was told of. */
export function gapsOf(reader: StreamReader): string[] {
  return reader.events.filter(({ type }) => type === 'gap').map(({ data }) => data);
}

function parse({ id }: Pick<Received, 'id'>): { epoch: string; sequence: number } {
  const [epoch, sequence] = (id ?? '').split('.');
  return { epoch: epoch as string, sequence: Number(sequence) };
}

/** A client has each entry once, in order, none left out, but for what a gap says it lacks. */
function* faultsIn(reader: StreamReader, acknowledged: readonly Acknowledged[]): Generator<string> {
  if (reader.ended) yield 'was disconnected';
  const seen = new Set<string>();
  const [first] = reader.events;
  let at = first && { ...parse(first), sequence: parse(first).sequence - 1 };
  /** Up to where entries may lack, in each life. */
  const lost = new Map<string, number>();
  for (const event of reader.events) {
    const place = parse(event);
    if (event.type === 'gap') {
      if (at !== undefined && at.epoch !== place.epoch)
        lost.set(at.epoch, Number.POSITIVE_INFINITY);
      lost.set(place.epoch, place.sequence);
      at = place;
      continue;
    }
    if (seen.has(event.data)) yield `has ${event.data} twice`;
    seen.add(event.data);
    if (at?.epoch !== place.epoch || at.sequence + 1 !== place.sequence) {
      yield `has ${event.data} as ${event.id} behind ${at?.epoch}.${at?.sequence}`;
    }
    at = place;
  }
  for (const { data, id } of acknowledged) {
    const { epoch, sequence } = parse({ id });
    if (!seen.has(data) && sequence > (lost.get(epoch) ?? 0)) yield `lacks ${data}, ${id}`;
  }
}
