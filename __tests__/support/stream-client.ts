import { once } from 'node:events';
import { type Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { createParser } from 'eventsource-parser';

export interface Received {
  readonly id: string | undefined;
  readonly type: string;
  readonly data: string;
}

const open = new Set<{ destroy(): void }>();

/** Cuts every connection that a test left open. */
export function dropClients(): void {
  for (const client of open) client.destroy();
  open.clear();
}

/** Has `dropClients` cut this one too. */
export function dropLater<Client extends { destroy(): unknown }>(client: Client): Client {
  open.add(client);
  return client;
}

/** What came so far from somewhere, and a way to wait for what is to come. */
abstract class Arrivals {
  text = '';
  ended = false;
  readonly #watchers = new Set<() => void>();

  /** Resolves once the condition holds; says what came instead if it can't hold any more. */
  async until(condition: (arrivals: this) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.ended) {
        const { length } = this.text;
        throw new Error(
          `the stream ended too early, after ${length} characters: ${this.text.slice(-300)}`,
        );
      }
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  async end(): Promise<void> {
    while (!this.ended) await new Promise<void>((resolve) => this.#watchers.add(resolve));
  }

  protected take(text: string): void {
    this.text += text;
    this.#changed();
  }

  protected finish(): void {
    this.ended = true;
    this.#changed();
  }

  #changed(): void {
    for (const watcher of this.#watchers) {
      this.#watchers.delete(watcher);
      watcher();
    }
  }
}

interface RequestOptions {
  readonly headers?: IncomingHttpHeaders;
  readonly method?: string;
  readonly agent?: Agent;
}

/** The response as soon as its head is here, for someone else to read. */
export async function fetchHead(
  url: string,
  { headers = {}, method = 'GET', agent }: RequestOptions = {},
): Promise<IncomingMessage> {
  const send = url.startsWith('https:') ? secureRequest : request;
  // The servers of the tests have made their certificates themselves.
  const options = { agent: agent ?? false, method, headers, rejectUnauthorized: false };
  const req = dropLater(send(url, options));
  req.end();
  const [response] = (await once(req, 'response')) as [IncomingMessage];
  req.on('error', () => {});
  return response;
}

/**
 * A client that reads everything, byte by byte and event by event, and never reconnects. Its `text`
 * is all that came after the head, chunks undone.
 */
export class StreamReader<Source extends Readable = IncomingMessage> extends Arrivals {
  /** Without what EventSource shows to nobody who doesn't listen for it. */
  readonly events: Received[] = [];
  /** The `ready` and `heartbeat` events. */
  readonly notices: Received[] = [];

  constructor(readonly response: Source) {
    super();
    const parser = createParser({
      onEvent: ({ id, event: type = 'message', data }) =>
        (isNotice(type) ? this.notices : this.events).push({ id, type, data }),
    });
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      parser.feed(text);
      this.take(text);
    });
    response.on('error', () => {});
    response.on('close', () => this.finish());
  }

  /** Resolves as soon as the head is here. */
  static async open(url: string, options?: RequestOptions): Promise<StreamReader> {
    return new StreamReader(await fetchHead(url, options));
  }

  get data(): string[] {
    return this.events.map((event) => event.data);
  }

  async received(count: number): Promise<Received[]> {
    await this.until(() => this.events.length >= count);
    return this.events;
  }

  destroy(): void {
    this.response.destroy();
  }
}

/** Whether an event is the hub's own, and says nothing that happened. */
export function isNotice(type: string): boolean {
  return type === 'ready' || type === 'heartbeat';
}

interface WireResponse {
  readonly head: string;
  body: string;
}

/** A connection on which every byte is written, and seen, as it is. */
export class Wire extends Arrivals {
  /** The responses that came so far, taken apart; the last one's body may be incomplete. */
  readonly responses: WireResponse[] = [];
  /** What is not taken apart yet, and how much of it there has to be before it can be. */
  #rest = '';
  #needed = 0;
  #current: WireResponse | undefined;

  private constructor(readonly socket: Socket) {
    super();
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#rest += text;
      while (this.#rest.length > this.#needed && this.#takeApart());
      this.take(text);
    });
    socket.on('error', () => {});
    socket.on('close', () => this.finish());
  }

  static async connect(url: string): Promise<Wire> {
    const { hostname, port } = new URL(url);
    const socket = dropLater(connect({ host: hostname, port: Number(port) }));
    await once(socket, 'connect');
    return new Wire(socket);
  }

  /** Takes a head, a chunk or a body off the rest. False: it is not all there yet. */
  #takeApart(): boolean {
    const start = this.#current === undefined ? '\r\n\r\n' : '\r\n';
    if (this.#current === undefined) {
      const end = this.#rest.indexOf(start) + start.length;
      if (end < start.length) return false;
      this.#current = { head: this.#shift(end), body: '' };
      this.responses.push(this.#current);
    } else if (/^transfer-encoding: chunked\r$/im.test(this.#current.head)) {
      const begin = this.#rest.indexOf(start) + start.length;
      if (begin < start.length) return false;
      const size = Number.parseInt(this.#rest, 16);
      if (!this.#has(begin + size + start.length)) return false;
      this.#current.body += this.#shift(begin + size + start.length).slice(begin, begin + size);
      if (size === 0) this.#current = undefined;
    } else {
      const length = Number(/^content-length: (\d+)\r$/im.exec(this.#current.head)?.[1]);
      if (!this.#has(length)) return false;
      this.#current.body = this.#shift(length);
      this.#current = undefined;
    }
    return true;
  }

  /** Whether so much is there; nothing is looked at before it is. */
  #has(length: number): boolean {
    if (this.#rest.length >= length) return true;
    this.#needed = length - 1;
    return false;
  }

  #shift(length: number): string {
    const taken = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    this.#needed = 0;
    return taken;
  }

  /** Sends the heads of GET requests, all at once. */
  get(...paths: string[]): void {
    this.socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`).join(''));
  }
}

/** A client that takes the head and then reads nothing, until it is told to. */
export async function openStalled(url: string): Promise<Socket> {
  const { hostname, port, pathname } = new URL(url);
  const socket = dropLater(connect({ host: hostname, port: Number(port) }));
  socket.on('error', () => {});
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: test\r\n\r\n`);
  await once(socket, 'data');
  socket.pause();
  return socket;
}
