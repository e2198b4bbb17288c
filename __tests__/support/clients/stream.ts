import { EventEmitter, once } from 'node:events';

export interface News {
  readonly type?: string;
  readonly data?: string;
  readonly isOver?: boolean;
}

/** A stream that a client has opened, and what the client says of it. */
export class Stream {
  readonly events: { readonly type: string; readonly data: string }[] = [];
  /** Whether the client said that it will not come back. */
  isOver = false;
  readonly #arrivals = new EventEmitter();

  constructor(readonly close: () => void) {}

  take({ type, data = '', isOver = false }: News): void {
    if (type !== undefined) this.events.push({ type, data });
    this.isOver ||= isOver;
    this.#arrivals.emit('news');
  }

  async until(condition: (stream: this) => boolean): Promise<void> {
    while (!condition(this)) await once(this.#arrivals, 'news');
  }

  async receives(type: string): Promise<void> {
    await this.until(({ events }) => events.some((event) => event.type === type));
  }
}

/** Has a client of that name open a stream. */
export type Open = (client: string, url: string) => Stream;

/** Numbers the streams that a program opens on command, and gives each its news. */
export class Streams {
  readonly #streams: Stream[] = [];

  constructor(private readonly command: (command: object) => void) {}

  readonly open: Open = (client, url) => {
    const id = this.#streams.length;
    const stream = new Stream(() => this.command({ id }));
    this.#streams.push(stream);
    this.command({ id, client, url });
    return stream;
  };

  take({ id, ...news }: News & { readonly id: number }): void {
    this.#streams[id]?.take(news);
  }
}
