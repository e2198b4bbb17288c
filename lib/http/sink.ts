import { OutgoingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Sink } from '../client/sink.js';
import type { Response } from './message.js';
import { passesThrough } from './pass-through.js';
import { ResponseSink } from './response-sink.js';
import { SocketSink } from './socket-sink.js';

/** The quickest way to write to a response whose head is sent. */
export function createSink(res: Response): Sink {
  const socket = ownSocket(res);
  return socket === undefined
    ? new ResponseSink(res)
    : new SocketSink(res as ServerResponse, socket);
}

/**
 * The socket, where chunks that are written to it put the same bytes on the wire as `res.write`: over
 * HTTP/1.1, while it is this response's turn on the connection, and where no wrapper of `write` needs to
 * see the bytes.
 */
function ownSocket(res: Response): Socket | undefined {
  if (!(res instanceof OutgoingMessage) || !res.chunkedEncoding) return undefined;
  return res.socket !== null && passesThrough(res) ? res.socket : undefined;
}
