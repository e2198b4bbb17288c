import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { createHub, type Hub, type Log } from '../../lib/index.js';
import { Random } from './attacks/random.js';
import { range } from './range.js';
import { serve } from './server.js';

/** How long a query may take, in ms. */
const QUERY = 50;

/** How many pages are open at a time, and for how long events are sent to them, in ms. */
const CROWD = 1000;
const SENDING = 120;

const KEYS = 20;

/** How many messages a page of a chat begins with. */
const LAST = 5;

type Kind = 'snapshot' | 'position' | 'last';

/** What the server has, and what it sends of each change. */
class Server {
  readonly state: Record<string, number> = {};
  readonly messages: number[] = [];

  constructor(
    readonly hub: Hub,
    readonly random: Random,
  ) {}

  change(): void {
    const value = this.messages.length + 1;
    const key = `key ${this.random.below(KEYS)}`;
    this.state[key] = value;
    this.messages.push(value);
    void this.hub.send({ key, value });
  }

  /** A query of a database: it sees one moment, and takes its time before and after. */
  async query(): Promise<Record<string, number>> {
    await sleep(this.random.below(QUERY / 2));
    const seen = { ...this.state };
    await sleep(this.random.below(QUERY / 2));
    return seen;
  }
}

/** A page: it applies what it receives, loses its connection now and then, and reconnects as EventSource does. */
class Page {
  state: Record<string, number> = {};
  messages: number[] = [];
  gaps = 0;
  #id: string | undefined;
  #isDone = false;

  constructor(
    readonly url: string,
    readonly kind: Kind,
    readonly random: Random,
  ) {}

  async run(server: Server, ask: Hub): Promise<void> {
    await sleep(this.random.below(SENDING));
    if (this.kind === 'position') {
      this.#id = await ask.position();
      this.state = await server.query();
    }
    for (let cuts = this.random.below(3); !this.#isDone; cuts--) {
      await this.#connect(cuts > 0 ? this.random.below(2 * QUERY) : Number.POSITIVE_INFINITY);
    }
  }

  /** Resolves when the connection is over: it is cut after so many ms, if not before. */
  #connect(life: number): Promise<void> {
    const query = this.#id === undefined ? '' : `?lastEventId=${this.#id}`;
    return new Promise((resolve) => {
      const request = get(`${this.url}/${this.kind}${query}`, { agent: false });
      const timer = Number.isFinite(life) ? setTimeout(() => request.destroy(), life) : undefined;
      const parser = createParser({
        onEvent: ({ event = 'message', data, id }) => {
          if (id !== undefined) this.#id = id;
          this.#take(event, data);
          if (this.#isDone) request.destroy();
        },
      });
      request.on('response', (response) => {
        response.setEncoding('utf8').on('data', (text: string) => parser.feed(text));
        response.on('error', () => {});
      });
      request.on('error', () => {});
      request.on('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #take(type: string, data: string): void {
    if (type === 'gap') this.gaps++;
    if (type === 'snapshot') this.state = JSON.parse(data);
    if (type === 'end') this.#isDone = true;
    if (type !== 'message') return;
    const { key, value } = JSON.parse(data);
    this.state[key] = value;
    this.messages.push(value);
  }
}

/**
 * Opens so many pages, crowd by crowd, while events are sent. Gives what is wrong with each that does not have what the
 * server has in the end. The logs are those of two nodes: events are sent on one, and pages connect to the other.
 */
export async function race(
  pages: number,
  logs: readonly [Log, Log] | readonly [],
): Promise<string[]> {
  const options = { requestQueueSize: 1000, retry: 0 } as const;
  const [sending = createHub(options), serving = sending] = logs.map((log) =>
    createHub({ ...options, log }),
  );
  for (const hub of [sending, serving]) await begun(hub);
  const random = new Random(pages);
  const wrong: string[] = [];
  const server = new Server(sending, random);
  let seen = 0;
  let isSeen: () => void = () => {};
  serving.subscribe(({ type }) => {
    if (type !== 'message') return;
    seen++;
    isSeen();
  });
  const url = await serve((req, res) => {
    const kind = req.url?.slice(1).split('?')[0] as Kind;
    const snapshot = async (client: { sendEvent(type: string, data: unknown): Promise<void> }) =>
      client.sendEvent('snapshot', await server.query());
    void serving.open(req, res, {
      ...(kind === 'snapshot' && { snapshot }),
      ...(kind === 'last' && { start: { last: LAST } }),
    });
  });
  for (let opened = 0; opened < pages; opened += CROWD) {
    const crowd = range(CROWD).map((index) => {
      return new Page(url, (['snapshot', 'position', 'last'] as const)[index % 3] as Kind, random);
    });
    const running = crowd.map((page) =>
      page.run(server, random.below(2) === 0 ? sending : serving),
    );
    for (const end = performance.now() + SENDING; performance.now() < end; ) {
      for (let count = random.below(4); count > 0; count--) server.change();
      await sleep(1);
    }
    // An ephemeral event may overtake others on their way through a log.
    while (seen < server.messages.length) {
      await new Promise<void>((resolve) => {
        isSeen = resolve;
      });
    }
    const again = setInterval(() => void sending.sendEvent('end', {}, { ephemeral: true }), QUERY);
    await Promise.all(running);
    clearInterval(again);
    for (const page of crowd) {
      const why = whatIsWrong(page, server);
      if (why !== undefined) wrong.push(`${page.kind}: ${why}`);
    }
  }
  await serving.close();
  await sending.close();
  return wrong;
}

/** Resolves when the hub knows its log. */
async function begun(hub: Hub): Promise<void> {
  for (;;) {
    try {
      await hub.position();
      return;
    } catch {
      await sleep(5);
    }
  }
}

function whatIsWrong({ kind, state, messages, gaps }: Page, server: Server): string | undefined {
  if (gaps > 0) return `${gaps} gaps`;
  if (kind !== 'last') {
    const differing = Object.keys(server.state).filter((key) => state[key] !== server.state[key]);
    return differing.length > 0 ? `it lacks the state of ${differing}` : undefined;
  }
  const due = server.messages.slice(-messages.length);
  if (messages.length < Math.min(LAST, server.messages.length))
    return `${messages.length} messages`;
  return messages.join() === due.join() ? undefined : `${messages} instead of ${due}`;
}
