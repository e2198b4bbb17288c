import type { Http2ServerResponse } from 'node:http2';
import type { Writable } from 'node:stream';
import type { Sink, SinkOwner } from '../client/sink.js';
import type { Response } from '../request.js';
import type { Batch } from '../window/batch.js';
import { cut } from './cut.js';

/** What a middleware may have put in front of a response. */
interface Wrapped {
  /** A careless wrapper returns nothing, or a promise. */
  write(bytes: Buffer): unknown;
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
    this.#res.on('error', () => this.#res.destroy());
    if (this.#res.socket === null) {
      // While another response has the connection, node:http doesn't notify this one of its loss.
      const connection = this.#res.req.socket;
      connection.once('close', closed);
      this.#res.once('socket', () => connection.off('close', closed));
    }
  }

  /** What a middleware or HTTP/2 does to write outweighs what it reads. */
  preload(): void {}

  write(batch: Batch): boolean {
    if (this.#res.writableEnded || this.#res.destroyed) return false;
    try {
      const open = this.put(batch.bytes);
      (this.#res as Wrapped).flush?.();
      return typeof open === 'boolean' ? open : !this.#needsDrain;
    } catch {
      this.#res.destroy();
      return false;
    }
  }

  /** What the response's `write` returns. */
  protected put(bytes: Buffer): unknown {
    return (this.#res as Wrapped).write(bytes);
  }

  get #needsDrain(): boolean {
    // Of a response of HTTP/2, only the stream knows.
    const { stream = this.#res } = this.#res as Partial<Http2ServerResponse>;
    return (stream as Writable).writableNeedDrain;
  }

  end(): void {
    try {
      this.#res.end();
    } catch {
      this.#res.destroy();
    }
  }

  destroy(): void {
    cut(this.#res);
  }
}
