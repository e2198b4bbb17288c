import { OutgoingMessage, type ServerResponse } from 'node:http';
import type { Sink } from '../client/sink.js';
import type { Response } from '../request.js';
import { isBare } from './pass-through.js';
import { ResponseSink } from './response-sink.js';
import { SocketSink } from './socket-sink.js';
import { UndecidedSink } from './undecided-sink.js';

/** The quickest way to write to a response whose head is sent. */
export function createSink(res: Response): Sink {
  // Over HTTP/1.1, while it is this response's turn on the connection, chunks that are written to the socket put the
  // same bytes on the wire as `res.write`, where no wrapper of `write` needs to see them.
  const hasSocket = res instanceof OutgoingMessage && res.chunkedEncoding && res.socket !== null;
  if (!hasSocket) return new ResponseSink(res);
  const { socket } = res as ServerResponse & { socket: NonNullable<ServerResponse['socket']> };
  return isBare(res as ServerResponse)
    ? new SocketSink(res as ServerResponse, socket)
    : new UndecidedSink(res as ServerResponse, socket);
}
