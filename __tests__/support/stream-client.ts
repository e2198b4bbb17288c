import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
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

/** A client that reads everything, byte by byte and event by event, and never reconnects. */
export class StreamReader {
  readonly events: Received[] = [];
  /** All that came after the head, chunks undone. */
  text = '';
  ended = false;
  readonly #watchers = new Set<() => void>();

  private constructor(readonly response: IncomingMessage) {
    const parser = createParser({
      onEvent: ({ id, event = 'message', data }) => this.events.push({ id, type: event, data }),
    });
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      this.text += text;
      parser.feed(text);
      this.#changed();
    });
    response.on('error', () => {});
    response.on('close', () => {
      this.ended = true;
      this.#changed();
    });
  }

  /** Resolves as soon as the head is here. */
  static async open(
    url: string,
    { headers = {}, method = 'GET' }: { headers?: IncomingHttpHeaders; method?: string } = {},
  ): Promise<StreamReader> {
    const req = request(url, { agent: false, method, headers });
    open.add(req);
    req.end();
    const [response] = (await once(req, 'response')) as [IncomingMessage];
    req.on('error', () => {});
    return new StreamReader(response);
  }

  get data(): string[] {
    return this.events.map((event) => event.data);
  }

  /** Resolves once the condition holds; says what came instead if it can't hold any more. */
  async until(condition: (reader: this) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.ended) throw new Error(`the stream ended too early, after: ${this.text}`);
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  async received(count: number): Promise<Received[]> {
    await this.until(() => this.events.length >= count);
    return this.events;
  }

  async end(): Promise<void> {
    while (!this.ended) await new Promise<void>((resolve) => this.#watchers.add(resolve));
  }

  destroy(): void {
    this.response.destroy();
  }

  #changed(): void {
    for (const watcher of this.#watchers) {
      this.#watchers.delete(watcher);
      watcher();
    }
  }
}

/** A client that takes the head and then reads nothing, until it is told to. */
export async function openStalled(url: string): Promise<Socket> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  open.add(socket);
  socket.on('error', () => {});
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: test\r\n\r\n`);
  await once(socket, 'data');
  socket.pause();
  return socket;
}
