import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Sink, SinkOwner } from '../client.js';
import type { Batch } from '../log/batch.js';

/** Writes each batch straight to the socket, as one HTTP chunk that all clients share. */
export class SocketSink implements Sink {
  readonly #res: ServerResponse;
  readonly #socket: Socket;

  constructor(res: ServerResponse, socket: Socket) {
    this.#res = res;
    this.#socket = socket;
  }

  bind(owner: SinkOwner): void {
    const drained = () => owner.drained();
    this.#socket.on('drain', drained);
    // Only others write to the response itself, but their late write would end the process.
    this.#res.on('error', () => this.destroy());
    this.#res.once('close', () => {
      // The connection may live on, with further requests.
      this.#socket.off('drain', drained);
      owner.closed();
    });
  }

  write(batch: Batch): boolean {
    // After the end of the response, bytes would land in the next one of this connection.
    if (this.#res.writableEnded || !this.#socket.writable) return false;
    batch.framed ??= frameChunk(batch.bytes);
    // `write` also says false of a large batch that the kernel took whole.
    return this.#socket.write(batch.framed) || this.#socket.writableLength === 0;
  }

  end(): void {
    try {
      this.#res.end();
    } catch {
      // A wrapped `end`, where `write` is not wrapped.
      this.destroy();
    }
  }

  destroy(): void {
    this.#res.destroy();
  }
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
