import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Sink, SinkOwner } from '../client/sink.js';
import type { Batch } from '../window/batch.js';
import { cut } from './cut.js';

/** Writes each batch straight to the socket, as one HTTP chunk that all clients share. */
export class SocketSink implements Sink {
  readonly #res: ServerResponse;
  readonly #socket: Socket;
  /** Listens for the socket's `drain`, while the socket is full. */
  #drained: (() => void) | undefined;
  #owner: SinkOwner | undefined;
  /**
   * Kept here, since the lookup is dear: `writableEnded` lies far up the prototypes that Express gives a
   * response, and costs as much as the rest of a write beside the socket's part.
   */
  #isEnded = false;

  constructor(res: ServerResponse, socket: Socket) {
    this.#res = res;
    this.#socket = socket;
  }

  bind(owner: SinkOwner): void {
    this.#owner = owner;
    // Other code may write to the response itself: its late write would end the process.
    this.#res.on('error', cutOff);
    // Emitted while `end` is called, whoever calls it. `finish` is emitted later.
    this.#res.on('prefinish', () => {
      this.#isEnded = true;
    });
    this.#res.on('close', () => {
      // The connection may live on, with further requests.
      if (this.#drained !== undefined) this.#socket.off('drain', this.#drained);
      owner.closed();
    });
  }

  preload(): boolean {
    return this.#socket.writable;
  }

  write(batch: Batch): boolean {
    // After the end of the response, bytes would land in the next one of this connection.
    if (this.#isEnded || !this.#socket.writable) return false;
    batch.framed ??= frameChunk(batch.bytes);
    // `write` also says false of a large batch that the kernel took whole.
    if (this.#socket.write(batch.framed) || this.#socket.writableLength === 0) return true;
    this.#awaitDrain();
    return false;
  }

  /** Most sockets are never full, and there may be many thousands of them. */
  #awaitDrain(): void {
    if (this.#drained !== undefined) return;
    this.#drained = () => {
      this.#drained = undefined;
      this.#owner?.drained();
    };
    this.#socket.once('drain', this.#drained);
  }

  end(): void {
    try {
      this.#res.end();
    } catch {
      // A wrapped `end`, where `write` is not wrapped.
      this.#res.destroy();
    }
  }

  destroy(): void {
    cut(this.#res);
  }
}

function cutOff(this: ServerResponse): void {
  this.destroy();
}

/** https://www.rfc-editor.org/rfc/rfc9112#name-chunked-transfer-coding */
function frameChunk(bytes: Buffer): Buffer {
  const size = `${bytes.length.toString(16)}\r\n`;
  const chunk = Buffer.allocUnsafe(size.length + bytes.length + 2);
  chunk.write(size, 'latin1');
  chunk.set(bytes, size.length);
  chunk.write('\r\n', size.length + bytes.length, 'latin1');
  return chunk;
}
