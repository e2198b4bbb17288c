import type { Sink, SinkOwner } from '../client.js';
import type { Batch } from '../log/batch.js';
import type { Response } from './message.js';

/** What `compression` and others put on a response, to push out what they hold back. */
interface Flushable {
  flush?(): void;
}

/** Writes through the response: for HTTP/2, HTTP/1.0, and wherever something wraps `write`. */
export class ResponseSink implements Sink {
  readonly #res: Response;

  constructor(res: Response) {
    this.#res = res;
  }

  bind(owner: SinkOwner): void {
    this.#res.on('drain', () => owner.drained());
    this.#res.once('close', () => owner.closed());
    // Without a listener, an error of the response would end the process. `close` follows it.
    this.#res.on('error', () => this.destroy());
  }

  write(batch: Batch): boolean {
    if (this.#res.writableEnded || this.#res.destroyed) return false;
    try {
      const open = (this.#res as { write(bytes: Buffer): boolean }).write(batch.bytes);
      (this.#res as Flushable).flush?.();
      return open;
    } catch {
      this.destroy();
      return false;
    }
  }

  end(): void {
    try {
      this.#res.end();
    } catch {
      this.destroy();
    }
  }

  destroy(): void {
    this.#res.destroy();
  }
}
