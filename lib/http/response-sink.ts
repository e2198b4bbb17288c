import type { ServerResponse } from 'node:http';
import type { Sink, SinkOwner } from '../client/sink.js';
import type { Batch } from '../window/batch.js';
import type { Response } from './message.js';

/** What a middleware may have put in front of a response. */
interface Wrapped {
  /** A careless wrapper returns nothing. */
  write(bytes: Buffer): boolean | undefined;
  /** A method of `compression`, which pushes out what it holds back. */
  flush?(): void;
}

/** Writes through the response: for HTTP/2, HTTP/1.0, and wherever something wraps `write`. */
export class ResponseSink implements Sink {
  readonly #res: Response;

  constructor(res: Response) {
    this.#res = res;
  }

  bind(owner: SinkOwner): void {
    const closed = () => owner.closed();
    this.#res.on('drain', () => owner.drained());
    this.#res.once('close', closed);
    // Without a listener, an error of the response would end the process. `close` follows it.
    this.#res.on('error', () => this.destroy());
    if (this.#res.socket === null) {
      // While another response has the connection, node:http doesn't notify this one of its loss.
      const connection = this.#res.req.socket;
      connection.once('close', closed);
      this.#res.once('socket', () => connection.off('close', closed));
    }
  }

  write(batch: Batch): boolean {
    if (this.#res.writableEnded || this.#res.destroyed) return false;
    try {
      const wrapped = this.#res as Wrapped;
      const open = wrapped.write(batch.bytes);
      wrapped.flush?.();
      return open ?? !(this.#res as ServerResponse).writableNeedDrain;
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
