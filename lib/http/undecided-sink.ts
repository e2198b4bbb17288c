import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Sink, SinkOwner } from '../client/sink.js';
import type { Batch } from '../window/batch.js';
import { writeThrough } from './pass-through.js';
import { ResponseSink } from './response-sink.js';
import { SocketSink } from './socket-sink.js';

/**
 * Makes the first write through the response, and all others straight to the socket if no wrapper of `write` has to
 * see them.
 */
export class UndecidedSink implements Sink {
  readonly #res: ServerResponse;
  readonly #socket: Socket;
  #sink: Sink;
  #owner: SinkOwner | undefined;

  constructor(res: ServerResponse, socket: Socket) {
    this.#res = res;
    this.#socket = socket;
    this.#sink = new ResponseSink(res);
  }

  bind(owner: SinkOwner): void {
    this.#owner = owner;
  }

  preload(): void {
    this.#sink.preload();
  }

  write(batch: Batch): boolean {
    return this.#owner === undefined ? this.#sink.write(batch) : this.#decide(batch, this.#owner);
  }

  /** Called in the same turn as `bind`: until then, nothing can have happened to the response. */
  #decide(batch: Batch, owner: SinkOwner): boolean {
    this.#owner = undefined;
    const first = new FirstWrite(this.#res);
    const open = first.write(batch);
    // Only the response knows when it is writable again.
    if (first.passes && open) this.#sink = new SocketSink(this.#res, this.#socket);
    this.#sink.bind(owner);
    return open;
  }

  end(): void {
    this.#sink.end();
  }

  destroy(): void {
    this.#sink.destroy();
  }
}

class FirstWrite extends ResponseSink {
  passes = false;
  readonly #res: ServerResponse;

  constructor(res: ServerResponse) {
    super(res);
    this.#res = res;
  }

  protected override put(bytes: Buffer): unknown {
    const { open, passes } = writeThrough(this.#res, bytes);
    this.passes = passes;
    return open;
  }
}
