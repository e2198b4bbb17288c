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
      if (this.ended) throw new Error(`the stream ended too early, after: ${this.text}`);
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
  readonly events: Received[] = [];

  constructor(readonly response: Source) {
    super();
    const parser = createParser({
      onEvent: ({ id, event = 'message', data }) => this.events.push({ id, type: event, data }),
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

/** A connection on which every byte is written, and seen, as it is. */
export class Wire extends Arrivals {
  private constructor(readonly socket: Socket) {
    super();
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.take(text));
    socket.on('error', () => {});
    socket.on('close', () => this.finish());
  }

  static async connect(url: string): Promise<Wire> {
    const { hostname, port } = new URL(url);
    const socket = dropLater(connect({ host: hostname, port: Number(port) }));
    await once(socket, 'connect');
    return new Wire(socket);
  }

  /** The responses that came so far, taken apart; the last one's body may be incomplete. */
  get responses(): { head: string; body: string }[] {
    const responses = [];
    let rest = this.text;
    while (rest !== '') {
      const head = rest.slice(0, rest.indexOf('\r\n\r\n') + 4);
      rest = rest.slice(head.length);
      let body = '';
      if (/^transfer-encoding: chunked\r$/im.test(head)) {
        for (let size = Number.NaN; size !== 0 && rest !== ''; ) {
          const start = rest.indexOf('\r\n') + 2;
          size = Number.parseInt(rest, 16);
          body += rest.slice(start, start + size);
          rest = rest.slice(start + size + 2);
        }
      } else {
        body = rest.slice(0, Number(/^content-length: (\d+)\r$/im.exec(head)?.[1]));
        rest = rest.slice(body.length);
      }
      responses.push({ head, body });
    }
    return responses;
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
